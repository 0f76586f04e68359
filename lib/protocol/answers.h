/*
 * A file of answers (docs/protocol, "The exchange by files"): one line for each request file, what the server would have replied to it, and a
 * signature over all of them at the end. Written and read piece by piece: neither side holds more of it than a line and what it looks for.
 *
 *   birthmark-answers 1
 *   <SHA-256 of the request file, hex> <status> <JSON: the reply of the call, or a problem document>
 *   signature <certificate of the signer, base64> <signature, base64>
 */
#ifndef BM_PROTOCOL_ANSWERS_H
#define BM_PROTOCOL_ANSWERS_H

#include "crypto/hash_stream.h"
#include "x509/signer.h"

#define BM_ANSWERS_BODY_MAX 65536                     /* bytes of one answer's JSON */
#define BM_ANSWERS_SIZE_MAX (UINT64_C(4) << 30)       /* bytes of a file */
#define BM_ANSWERS_WANTED_MAX 2                       /* requests that a reader looks for */

/* Writes a file. Zero-initialise; end with bm_answers_writer_fini. */
typedef struct {
    bm_hash_stream *hash;
    uint64_t size;
} bm_answers_writer;

/* Frees what it owns. */
void bm_answers_writer_fini(bm_answers_writer *writer);

/* Appends the first line. */
BM_RESULT bm_answers_writer_begin(bm_answers_writer *writer, bm_buf *out);

/* Appends an answer, or more than one: `request` is the SHA-256 of the request file. BM_E_INTERNAL: it is too long, or not one line of JSON. */
BM_RESULT bm_answers_writer_put(bm_answers_writer *writer, const uint8_t request[BM_SHA256_SIZE], int status, bm_bytes body, bm_buf *out);

/* Appends the signature by this key, with its certificate (bm_signer_put_tbs). */
BM_RESULT bm_answers_writer_end(bm_answers_writer *writer, const bm_pkey *key, bm_bytes certificate, bm_buf *out);

/* An answer that was looked for. */
typedef struct {
    uint8_t request[BM_SHA256_SIZE];
    bool found;
    int status;
    bm_buf body;
} bm_answers_wanted;

/* Reads a file. Zero-initialise but for `wanted`, of which `wanted_count` have their `request`; end with bm_answers_reader_fini. */
typedef struct {
    bm_answers_wanted wanted[BM_ANSWERS_WANTED_MAX];
    size_t wanted_count;
    bm_hash_stream *hash;
    bm_buf line;
    uint64_t size;
    uint64_t answers; /* how many there are */
    bool begun;
    bool ended;
    bm_buf certificate;
    bm_buf signature;
} bm_answers_reader;

/* Wipes and frees what it owns. */
void bm_answers_reader_fini(bm_answers_reader *reader);

/* Takes the next piece of the file; BM_E_ANSWER_INVALID: it is none. Of what is in it nothing may be used before bm_answers_reader_end. */
BM_RESULT bm_answers_reader_feed(bm_answers_reader *reader, bm_bytes piece);

/*
 * The file has ended: is it whole, and signed by a key that one of these CAs certified for that, at `now`? Then the answers that were wanted are in
 * `wanted`. BM_E_ANSWER_INVALID with the reason.
 */
BM_RESULT bm_answers_reader_end(bm_answers_reader *reader, const bm_ca *cas, size_t ca_count, int64_t now);

#endif
