#include "tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <climits>
#include <cstring>
#include <string>

#include "bytes.h"

namespace {

struct Free {
    void operator()(BIO* bio) const {
        BIO_free(bio);
    }
    void operator()(X509* certificate) const {
        X509_free(certificate);
    }
    void operator()(EVP_PKEY* key) const {
        EVP_PKEY_free(key);
    }
};

template <typename Object>
using Owned = std::unique_ptr<Object, Free>;

// A key behind a pass phrase is tried with the empty one, as gRPC tries it. Without this, OpenSSL
// would ask for one on the terminal.
void* no_pass_phrase() {
    return const_cast<char*>("");
}

// Reads from the bytes where they are. Null for what gRPC, which takes C strings, would cut short.
Owned<BIO> reader(cgrpc_bytes bytes) {
    if (bytes.length == 0 || bytes.length > INT_MAX ||
        std::memchr(bytes.start, 0, bytes.length) != nullptr) {
        return nullptr;
    }
    return Owned<BIO>(BIO_new_mem_buf(bytes.start, static_cast<int>(bytes.length)));
}

// The first of a list of certificates, or null if there is none or one of them cannot be read.
Owned<X509> first_certificate(cgrpc_bytes certificates) {
    const Owned<BIO> bio = reader(certificates);
    if (bio == nullptr) {
        return nullptr;
    }
    ERR_clear_error();
    const auto next = [&bio] {
        return Owned<X509>(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, no_pass_phrase()));
    };
    Owned<X509> first = next();
    if (first != nullptr) {
        while (next() != nullptr) {
        }
    }
    // The end of the list is an error like any other, but for its reason.
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return at_end ? std::move(first) : nullptr;
}

}  // namespace

namespace cgrpc {

std::shared_ptr<grpc::ChannelCredentials> channel_credentials(const cgrpc_tls* tls) {
    if (tls == nullptr) {
        return grpc::InsecureChannelCredentials();
    }
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = to_string(tls->authorities);
    options.pem_cert_chain = to_string(tls->certificate_chain);
    options.pem_private_key = to_string(tls->private_key);
    return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::ServerCredentials> server_credentials(const cgrpc_tls* tls) {
    if (tls == nullptr) {
        return grpc::InsecureServerCredentials();
    }
    const bool wants_client_certificate = tls->authorities.length > 0;
    grpc::SslServerCredentialsOptions options(
        wants_client_certificate ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                 : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    options.pem_root_certs = to_string(tls->authorities);
    options.pem_key_cert_pairs.push_back(
        {to_string(tls->private_key), to_string(tls->certificate_chain)});
    return grpc::SslServerCredentials(options);
}

}  // namespace cgrpc

extern "C" {

bool cgrpc_certificates_are_legal(cgrpc_bytes certificates) noexcept {
    return first_certificate(certificates) != nullptr;
}

cgrpc_identity_verdict cgrpc_identity_judge(cgrpc_bytes certificate_chain,
                                            cgrpc_bytes private_key) noexcept {
    const Owned<X509> certificate = first_certificate(certificate_chain);
    if (certificate == nullptr) {
        return CGRPC_IDENTITY_NO_CERTIFICATE;
    }
    const Owned<BIO> bio = reader(private_key);
    Owned<EVP_PKEY> key;
    if (bio != nullptr) {
        key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_pass_phrase()));
    }
    const bool belongs =
        key != nullptr && X509_check_private_key(certificate.get(), key.get()) == 1;
    ERR_clear_error();
    if (key == nullptr) {
        return CGRPC_IDENTITY_NO_KEY;
    }
    return belongs ? CGRPC_IDENTITY_LEGAL : CGRPC_IDENTITY_KEY_OF_ANOTHER;
}

}  // extern "C"
