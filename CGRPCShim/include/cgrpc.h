// A bytes-only C face of grpc++ 1.51's callback API: what Swift cannot import (templates, virtual
// reactors, std::string), and no more. Messages are opaque bytes; nothing here knows a service.
//
// Rules that hold for every function:
//  - Any function may be called from any thread, also from a callback. None blocks, none throws: an
//    allocation that fails ends the process, as it does in Swift.
//  - Callbacks run on gRPC's threads (on_stopped: on a thread of the shim's). They must not block:
//    gRPC's other calls wait behind them. Callbacks of one call may run at the same time, except
//    that on_done is the last and runs alone.
//  - A pointer given to a function is borrowed for that call of it; a pointer given to a callback
//  is
//    borrowed until it returns. Slices in on_read and on_done of a unary call are the exception:
//    the callback owns one reference to each.
//  - Every operation that is accepted has its completion called exactly once, also when the call is
//    cancelled, its deadline passes, the channel breaks or the server stops.
#ifndef CGRPC_H
#define CGRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define CGRPC_NOEXCEPT noexcept
extern "C" {
#else
#define CGRPC_NOEXCEPT
#endif

// ---------------------------------------------------------------------------------- plain values

typedef struct cgrpc_bytes {
    const uint8_t* start;  // may be null when length is 0
    size_t length;
} cgrpc_bytes;

typedef struct cgrpc_metadatum {
    cgrpc_bytes key;
    cgrpc_bytes value;
} cgrpc_metadatum;

typedef struct cgrpc_status {
    int32_t code;  // gRPC's numbers, 0 to 16
    cgrpc_bytes message;
    cgrpc_bytes details;  // a serialised google.rpc.Status; travels as grpc-status-details-bin
} cgrpc_status;

// Whether gRPC can carry this pair: lower-case key, printable value (any bytes under a "-bin" key),
// not a name gRPC keeps for itself. Pairs that are not legal are left out of what is sent.
bool cgrpc_metadatum_is_legal(cgrpc_bytes key, cgrpc_bytes value) CGRPC_NOEXCEPT;

// ---------------------------------------------------------------------------------------- slices

// One reference-counted, immutable piece of memory. A received slice shares the buffer that gRPC
// read the socket into. Safe to share between threads.
typedef struct cgrpc_slice cgrpc_slice;

// A slice with a copy of the bytes. The caller owns the one reference.
cgrpc_slice* cgrpc_slice_copy(cgrpc_bytes bytes) CGRPC_NOEXCEPT;
// A slice of uninitialised memory, to be filled through `start` before anybody else sees it.
cgrpc_slice* cgrpc_slice_allocate(size_t length, uint8_t** start) CGRPC_NOEXCEPT;
void cgrpc_slice_ref(cgrpc_slice* slice) CGRPC_NOEXCEPT;
void cgrpc_slice_unref(cgrpc_slice* slice) CGRPC_NOEXCEPT;
// Valid as long as the caller's reference.
cgrpc_bytes cgrpc_slice_bytes(const cgrpc_slice* slice) CGRPC_NOEXCEPT;

// A part of a slice, to be written. gRPC takes references of its own; nothing is copied.
typedef struct cgrpc_fragment {
    const cgrpc_slice* slice;
    size_t offset;
    size_t length;
} cgrpc_fragment;

// ------------------------------------------------------------------------------------------- TLS

// What one side of an encrypted connection shows and believes; all in PEM form.
typedef struct cgrpc_tls {
    // Whose signature the peer's certificate must bear. Empty: (client) an authority's that this
    // system trusts; (server) the client is asked for no certificate. A server that has some
    // refuses clients without a certificate of theirs.
    cgrpc_bytes authorities;
    // The own certificate, followed by those between it and an authority, and its private key. Both
    // or, for a client that shows none, neither.
    cgrpc_bytes certificate_chain;
    cgrpc_bytes private_key;
    // (client) Whom the server's certificate must be for, if not the target's host; or null.
    const char* server_name;
} cgrpc_tls;

// Whether there is at least one certificate, and nothing that is not one. gRPC itself would leave
// out what it cannot read, or fail every call without saying why.
bool cgrpc_certificates_are_legal(cgrpc_bytes certificates) CGRPC_NOEXCEPT;

typedef enum cgrpc_identity_verdict {
    CGRPC_IDENTITY_LEGAL,
    CGRPC_IDENTITY_NO_CERTIFICATE,
    CGRPC_IDENTITY_NO_KEY,          // none, or one behind a pass phrase
    CGRPC_IDENTITY_KEY_OF_ANOTHER,  // the key is another certificate's
} cgrpc_identity_verdict;

// Whether both can be read and the key belongs to the chain's first certificate.
cgrpc_identity_verdict cgrpc_identity_judge(cgrpc_bytes certificate_chain,
                                            cgrpc_bytes private_key) CGRPC_NOEXCEPT;

// ---------------------------------------------------------------------------------------- server

typedef struct cgrpc_server cgrpc_server;
typedef struct cgrpc_server_call cgrpc_server_call;

typedef enum cgrpc_read_outcome {
    CGRPC_READ_MESSAGE,    // slices hold the message, in order
    CGRPC_READ_END,        // the peer half-closed, or (client) the call is over
    CGRPC_READ_FAILED,     // the call died
    CGRPC_READ_TOO_LARGE,  // a message of `length` bytes was dropped: over the server's limit
} cgrpc_read_outcome;

typedef struct cgrpc_server_callbacks {
    // A call arrived. Fires once for each; the callee owns `call` from here on, until
    // cgrpc_server_call_release. The value returned is the context of the call's other callbacks.
    void* (*on_call)(void* server_context, cgrpc_server_call* call);
    // Once for each cgrpc_server_call_read that returned true. `length` is the message's.
    void (*on_read)(void* call_context, cgrpc_read_outcome outcome, cgrpc_slice* const* slices,
                    size_t slice_count, size_t length);
    // Once for each cgrpc_server_call_write that returned true: the transport has taken the message
    // and can take another; with ok false, the call is over and no write will succeed any more.
    void (*on_write)(void* call_context, bool ok);
    // At most once: the client cancelled or went away, or the deadline passed.
    void (*on_cancel)(void* call_context);
    // Once, last, after cgrpc_server_call_finish: no callback of this call follows.
    void (*on_done)(void* call_context);
    // Once, last, after cgrpc_server_stop or cgrpc_server_release: every call has had its on_done,
    // and no callback of this server follows.
    void (*on_stopped)(void* server_context);
} cgrpc_server_callbacks;

typedef struct cgrpc_server_options {
    const char* listen_address;       // "host:port" (port 0: any free one) or "unix:path"
    size_t maximum_message_bytes;     // of a received message
    int32_t maximum_metadata_bytes;   // of one call's headers, as HTTP/2 counts them
    int32_t unread_bytes_per_stream;  // HTTP/2 window of a stream that nobody reads
    int32_t maximum_calls_per_connection;
    size_t maximum_buffered_bytes;  // over all connections, before gRPC cancels streams
    int32_t keepalive_interval_milliseconds;
    int32_t keepalive_timeout_milliseconds;
    int32_t minimum_ping_interval_milliseconds;  // peers that ping more often are sent away
    int32_t handshake_timeout_milliseconds;
    const cgrpc_tls* tls;  // null: nothing is encrypted
} cgrpc_server_options;

// Listens and serves. Returns null, with no callback ever called, if the address cannot be had.
// `*port` is the bound port. Calls may arrive before this returns. The caller owns the server.
cgrpc_server* cgrpc_server_create(const cgrpc_server_options* options,
                                  const cgrpc_server_callbacks* callbacks, void* server_context,
                                  int32_t* port) CGRPC_NOEXCEPT;
// Refuses new connections and calls at once, lets open calls finish, and then closes the
// connections; on_stopped follows. Later calls do nothing.
void cgrpc_server_stop(cgrpc_server* server) CGRPC_NOEXCEPT;
// Closes every connection, whatever is still on its way. Their open calls get on_cancel, and must
// still be finished.
void cgrpc_server_disconnect(cgrpc_server* server) CGRPC_NOEXCEPT;
// Gives the server up. If it has not been stopped, it is. The memory goes when
// on_stopped has returned, which waits for every call to be finished.
void cgrpc_server_release(cgrpc_server* server) CGRPC_NOEXCEPT;

// The following four are for use inside on_call; what they return is valid until on_call returns.
cgrpc_bytes cgrpc_server_call_method(const cgrpc_server_call* call) CGRPC_NOEXCEPT;
// The client's address. The caller frees nothing.
cgrpc_bytes cgrpc_server_call_peer(cgrpc_server_call* call) CGRPC_NOEXCEPT;
// Nanoseconds until the call's deadline (negative: passed), or INT64_MAX without one.
int64_t cgrpc_server_call_remaining_nanoseconds(const cgrpc_server_call* call) CGRPC_NOEXCEPT;
// Calls `visit` for each pair, before returning.
void cgrpc_server_call_metadata(const cgrpc_server_call* call, void* context,
                                void (*visit)(void* context, cgrpc_bytes key,
                                              cgrpc_bytes value)) CGRPC_NOEXCEPT;

// Asks for one message. At most one read may be under way. False, and no on_read, once the call has
// been finished.
bool cgrpc_server_call_read(cgrpc_server_call* call) CGRPC_NOEXCEPT;
// Writes one message. At most one write may be under way. False, and no on_write, once the call has
// been finished.
bool cgrpc_server_call_write(cgrpc_server_call* call, const cgrpc_fragment* fragments,
                             size_t fragment_count) CGRPC_NOEXCEPT;
// Ends the call with a status: after what has been written, or at once, dropping a write under way,
// if `cut_write`. Must be called once for each call, also for one that was cancelled; later calls
// do nothing. Messages not read are dropped.
void cgrpc_server_call_finish(cgrpc_server_call* call, const cgrpc_status* status,
                              const cgrpc_metadatum* trailing_metadata, size_t metadatum_count,
                              bool cut_write) CGRPC_NOEXCEPT;
// Gives up the owner's reference. Callbacks that are due still come.
void cgrpc_server_call_release(cgrpc_server_call* call) CGRPC_NOEXCEPT;

// ---------------------------------------------------------------------------------------- client

typedef struct cgrpc_channel cgrpc_channel;
typedef struct cgrpc_call cgrpc_call;
typedef struct cgrpc_unary_call cgrpc_unary_call;

typedef struct cgrpc_channel_options {
    const char* target;              // "host:port", "dns:///name:port", "unix:path"
    int32_t maximum_message_bytes;   // of a received message; over it: RESOURCE_EXHAUSTED
    int32_t maximum_metadata_bytes;  // of a response's headers
    int32_t connect_timeout_milliseconds;
    int32_t minimum_backoff_milliseconds;  // between attempts to connect
    int32_t maximum_backoff_milliseconds;
    int32_t keepalive_interval_milliseconds;
    int32_t keepalive_timeout_milliseconds;
    bool keepalive_without_calls;
    const cgrpc_tls* tls;  // null: nothing is encrypted
} cgrpc_channel_options;

// A channel with a connection of its own, made when first needed. The caller owns it.
cgrpc_channel* cgrpc_channel_create(const cgrpc_channel_options* options) CGRPC_NOEXCEPT;
// Cancels every open call and lets new ones fail as UNAVAILABLE. May be called more than once.
void cgrpc_channel_close(cgrpc_channel* channel) CGRPC_NOEXCEPT;
// Gives the channel up. Open calls keep it alive until they are done.
void cgrpc_channel_release(cgrpc_channel* channel) CGRPC_NOEXCEPT;

// What a call starts with. Without a deadline: timeout_nanoseconds = INT64_MAX.
typedef struct cgrpc_call_options {
    cgrpc_bytes method;  // "/package.Service/Method"
    const cgrpc_metadatum* metadata;
    size_t metadatum_count;
    int64_t timeout_nanoseconds;
} cgrpc_call_options;

// Receives the response of a unary call, once. `slices` is the message when the status is OK.
typedef void (*cgrpc_unary_call_done)(void* context, cgrpc_status status,
                                      cgrpc_slice* const* slices, size_t slice_count,
                                      const cgrpc_metadatum* trailing_metadata,
                                      size_t metadatum_count);

// Starts a unary call. `on_done` fires exactly once, perhaps before this returns. The caller owns
// the call.
cgrpc_unary_call* cgrpc_unary_call_start(cgrpc_channel* channel, const cgrpc_call_options* options,
                                         const cgrpc_fragment* fragments, size_t fragment_count,
                                         cgrpc_unary_call_done on_done,
                                         void* context) CGRPC_NOEXCEPT;
// Legal at any time before release, without effect once the call is done.
void cgrpc_unary_call_cancel(cgrpc_unary_call* call) CGRPC_NOEXCEPT;
// Gives up the owner's reference; the call itself goes on, and on_done still comes.
void cgrpc_unary_call_release(cgrpc_unary_call* call) CGRPC_NOEXCEPT;

typedef struct cgrpc_call_callbacks {
    // At most once: the server's initial metadata came.
    void (*on_initial_metadata)(void* context, const cgrpc_metadatum* metadata,
                                size_t metadatum_count);
    // Once for each cgrpc_call_read that returned true. After an outcome that is not a message, the
    // status follows in on_done as soon as writes under way have completed.
    void (*on_read)(void* context, cgrpc_read_outcome outcome, cgrpc_slice* const* slices,
                    size_t slice_count, size_t length);
    // Once for each cgrpc_call_write and cgrpc_call_finish_writing that returned true; with ok
    // false, the call is over.
    void (*on_write)(void* context, bool ok);
    // Once, last: no callback of this call follows.
    void (*on_done)(void* context, cgrpc_status status, const cgrpc_metadatum* trailing_metadata,
                    size_t metadatum_count);
} cgrpc_call_callbacks;

// Starts a bidirectional call. Callbacks may fire before this returns. The caller owns the call.
cgrpc_call* cgrpc_call_start(cgrpc_channel* channel, const cgrpc_call_options* options,
                             const cgrpc_call_callbacks* callbacks, void* context) CGRPC_NOEXCEPT;
// Asks for one message. At most one read may be under way. False, and no on_read, once a read has
// met the end of the call.
bool cgrpc_call_read(cgrpc_call* call) CGRPC_NOEXCEPT;
// Writes one message. At most one write may be under way. False, and no on_write, once a read has
// met the end of the call.
bool cgrpc_call_write(cgrpc_call* call, const cgrpc_fragment* fragments,
                      size_t fragment_count) CGRPC_NOEXCEPT;
// Half-closes. Counts as a write; none is legal after it.
bool cgrpc_call_finish_writing(cgrpc_call* call) CGRPC_NOEXCEPT;
// Legal at any time before release, without effect once the call is done.
void cgrpc_call_cancel(cgrpc_call* call) CGRPC_NOEXCEPT;
// Gives up the owner's reference. A call that is not done is cancelled; on_done still comes.
void cgrpc_call_release(cgrpc_call* call) CGRPC_NOEXCEPT;

// ------------------------------------------------------------------------------- thread sanitizer

// What one thread did before handing an object over, the thread that takes it over has seen: gRPC's
// completion queues and Swift's locks and continuations see to it, in libraries that are not
// instrumented. These two tell the thread sanitizer, and do nothing in a build without it.
void cgrpc_hand_over(void* object) CGRPC_NOEXCEPT;
void cgrpc_take_over(void* object) CGRPC_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif  // CGRPC_H
