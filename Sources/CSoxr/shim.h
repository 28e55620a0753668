// The SoX resampler library, one-channel streams of 32-bit floats.
#include <soxr.h>
