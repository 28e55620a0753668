#ifndef MARTLET_COPENBLAS_H
#define MARTLET_COPENBLAS_H

// <cblas.h> is whichever BLAS the system's alternatives name. Batch-invariant kernels need
// OpenBLAS: one thread per call is set by its own function, which the reference BLAS does not have.
#include <cblas.h>

#ifndef OPENBLAS_VERSION
#error "cblas.h is not OpenBLAS's: install libopenblas-dev and select it as the cblas.h alternative"
#endif

#endif
