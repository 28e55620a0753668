#ifndef MARTLET_CCRYPTO_H
#define MARTLET_CCRYPTO_H

// Of OpenSSL, which grpc++ brings along: message digests.
#include <openssl/sha.h>

#endif
