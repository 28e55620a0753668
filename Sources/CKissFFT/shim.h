// Debian's libkissfft-float: the header's own default for kiss_fft_scalar, float, is the one that
// library was built with.
#include <kissfft/kiss_fftr.h>
