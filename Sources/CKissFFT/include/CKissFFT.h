// The Fourier transform of real samples by KissFFT, of eight signals side by side.
//
// KissFFT's template takes any scalar type. Here it is eight floats, one of each signal, so that
// one pass through the transform costs little more than one signal's and no signal's result depends
// on another's.

#ifndef MARTLET_CKISSFFT_H
#define MARTLET_CKISSFFT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Signals that are transformed at once.
enum { CKISSFFT_LANES = 8 };

typedef struct ckissfft_transform ckissfft_transform;

// A transform of `length` samples, a power of two from 4 on. Any number of threads may run it at a
// time.
ckissfft_transform* _Nonnull ckissfft_create(size_t length);

void ckissfft_destroy(ckissfft_transform* _Nonnull transform);

// Transforms `samples`, [length][8], into `spectrum`, [length / 2][2][8]: real and imaginary parts
// of the bins below the Nyquist frequency. The first bin's imaginary part, which would be zero, is
// the real part at the Nyquist frequency. Both are aligned to 32 bytes.
void ckissfft_run(const ckissfft_transform* _Nonnull transform, const float* _Nonnull samples,
                  float* _Nonnull spectrum);

#ifdef __cplusplus
}
#endif

#endif
