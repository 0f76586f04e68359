#include "protocol/answers.h"

#include "base/text.h"

#define FIRST_LINE "birthmark-answers 1"
#define LAST_WORD "signature "
#define HASH_DIGITS ((size_t)2 * BM_SHA256_SIZE)
#define BODY_AT (HASH_DIGITS + 5) /* behind the hash, the status, and a space after each */
#define LINE_MAX_SIZE (BODY_AT + BM_ANSWERS_BODY_MAX)
#define CERTIFICATE_MAX 4096
#define SIGNATURE_MAX 80 /* ECDSA with P-256 in DER */
#define DOMAIN_SIZE 32

/* What is signed begins with it: a signature over answers is none over anything else. */
static const uint8_t domain[DOMAIN_SIZE] = "birthmark answers";

static BM_RESULT put_message(const uint8_t digest[BM_SHA256_SIZE], bm_buf *out)
{
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(domain)));
    return bm_buf_put(out, bm_bytes_of(digest, BM_SHA256_SIZE));
}

void bm_answers_writer_fini(bm_answers_writer *writer)
{
    bm_hash_stream_free(writer->hash);
    *writer = (bm_answers_writer){0};
}

/* Hashes what was appended behind `start`. */
static BM_RESULT account(bm_answers_writer *writer, const bm_buf *out, size_t start)
{
    bm_bytes line = bm_bytes_slice(bm_buf_view(out), start, out->size - start);

    writer->size += line.size;
    BM_CHECK(writer->size <= BM_ANSWERS_SIZE_MAX, BM_E_IO, "the answers have more than 4 GiB: answer fewer requests at once");
    return bm_hash_stream_add(writer->hash, line);
}

BM_RESULT bm_answers_writer_begin(bm_answers_writer *writer, bm_buf *out)
{
    size_t start = out->size;

    BM_TRY(bm_hash_stream_new(&writer->hash));
    BM_TRY(bm_buf_put_str(out, FIRST_LINE "\n"));
    return account(writer, out, start);
}

BM_RESULT bm_answers_writer_put(bm_answers_writer *writer, const uint8_t request[BM_SHA256_SIZE], int status, bm_bytes body, bm_buf *out)
{
    size_t start = out->size;
    size_t at;

    BM_CHECK(body.size > 0 && body.size <= BM_ANSWERS_BODY_MAX && body.data[0] == '{' && !bm_bytes_find(body, bm_bytes_str("\n"), &at) &&
                 status >= 100 && status <= 999,
             BM_E_INTERNAL, "an answer that is no line of JSON");
    BM_TRY(bm_text_put_hex(out, bm_bytes_of(request, BM_SHA256_SIZE)));
    BM_TRY(bm_buf_putf(out, " %d ", status));
    BM_TRY(bm_buf_put(out, body));
    BM_TRY(bm_buf_put_u8(out, '\n'));
    return account(writer, out, start);
}

BM_RESULT bm_answers_writer_end(bm_answers_writer *writer, const bm_pkey *key, bm_bytes certificate, bm_buf *out)
{
    BM_AUTO_BUF message = BM_BUF_EMPTY;
    BM_AUTO_BUF signature = BM_BUF_EMPTY;
    uint8_t digest[BM_SHA256_SIZE];

    BM_TRY(bm_hash_stream_end(writer->hash, digest));
    BM_TRY(put_message(digest, &message));
    BM_TRY(bm_pkey_sign(key, BM_SIG_ECDSA_SHA256, bm_buf_view(&message), &signature));
    BM_TRY(bm_buf_put_str(out, LAST_WORD));
    BM_TRY(bm_text_put_base64(out, certificate));
    BM_TRY(bm_buf_put_u8(out, ' '));
    BM_TRY(bm_text_put_base64(out, bm_buf_view(&signature)));
    return bm_buf_put_u8(out, '\n');
}

void bm_answers_reader_fini(bm_answers_reader *reader)
{
    for (size_t i = 0; i < BM_ANSWERS_WANTED_MAX; i++)
        bm_buf_fini(&reader->wanted[i].body);
    bm_hash_stream_free(reader->hash);
    bm_buf_fini(&reader->line);
    bm_buf_fini(&reader->certificate);
    bm_buf_fini(&reader->signature);
    *reader = (bm_answers_reader){0};
}

static BM_RESULT invalid(const char *detail)
{
    return bm_fail(BM_E_ANSWER_INVALID, detail);
}

static BM_RESULT take_first(bm_answers_reader *reader, bm_bytes line)
{
    if (!bm_bytes_equal(line, bm_bytes_str(FIRST_LINE)))
        return invalid("it is no file of answers, or one of another version");
    BM_TRY(bm_hash_stream_new(&reader->hash));
    reader->begun = true;
    return bm_ok();
}

/* base64 of 1 to `max` bytes. */
static bool decode(bm_bytes text, size_t max, bm_buf *out)
{
    return text.size > 0 && text.size <= (max + 2) / 3 * 4 && bm_text_from_base64(text, out).code == BM_OK && out->size <= max;
}

static BM_RESULT take_last(bm_answers_reader *reader, bm_bytes line)
{
    size_t space;

    line = bm_bytes_slice(line, sizeof(LAST_WORD) - 1, line.size - (sizeof(LAST_WORD) - 1));
    if (!bm_bytes_find(line, bm_bytes_str(" "), &space) || !decode(bm_bytes_slice(line, 0, space), CERTIFICATE_MAX, &reader->certificate) ||
        !decode(bm_bytes_slice(line, space + 1, line.size - space - 1), SIGNATURE_MAX, &reader->signature))
        return invalid("its last line is no signature");
    reader->ended = true;
    return bm_ok();
}

static BM_RESULT take_answer(bm_answers_reader *reader, bm_bytes line)
{
    BM_AUTO_BUF request = BM_BUF_EMPTY;
    uint64_t status;
    bool good = line.size > BODY_AT && line.data[HASH_DIGITS] == ' ' && line.data[BODY_AT - 1] == ' ' && line.data[BODY_AT] == '{' &&
                bm_text_parse_u64(bm_bytes_slice(line, HASH_DIGITS + 1, 3), 999, &status).code == BM_OK && status >= 100 &&
                bm_text_from_hex(bm_bytes_slice(line, 0, HASH_DIGITS), &request).code == BM_OK;

    if (!good)
        return invalid("a line of it is no answer");
    reader->answers++;
    for (size_t i = 0; i < reader->wanted_count; i++) {
        bm_answers_wanted *wanted = &reader->wanted[i];

        if (wanted->found || !bm_bytes_equal(bm_buf_view(&request), BM_BYTES_ARRAY(wanted->request)))
            continue;
        wanted->found = true;
        wanted->status = (int)status;
        BM_TRY(bm_buf_put(&wanted->body, bm_bytes_slice(line, BODY_AT, line.size - BODY_AT)));
    }
    return bm_ok();
}

/* A whole line, without its end. */
static BM_RESULT take_line(bm_answers_reader *reader, bm_bytes line)
{
    bm_bytes word = bm_bytes_str(LAST_WORD);

    if (reader->ended)
        return invalid("there is something behind its signature");
    if (!reader->begun)
        BM_TRY(take_first(reader, line));
    else if (bm_bytes_equal(bm_bytes_slice(line, 0, word.size), word))
        return take_last(reader, line);
    else
        BM_TRY(take_answer(reader, line));
    BM_TRY(bm_hash_stream_add(reader->hash, line));
    return bm_hash_stream_add(reader->hash, bm_bytes_str("\n"));
}

BM_RESULT bm_answers_reader_feed(bm_answers_reader *reader, bm_bytes piece)
{
    reader->size += piece.size;
    if (reader->size > BM_ANSWERS_SIZE_MAX)
        return invalid("it has more than 4 GiB");
    while (piece.size > 0) {
        size_t end;
        bool whole = bm_bytes_find(piece, bm_bytes_str("\n"), &end);

        if (!whole)
            end = piece.size;
        if (reader->line.size + end > LINE_MAX_SIZE)
            return invalid("a line of it is longer than an answer can be");
        if (!whole || reader->line.size > 0)
            BM_TRY(bm_buf_put(&reader->line, bm_bytes_slice(piece, 0, end)));
        if (!whole)
            return bm_ok();
        BM_TRY(take_line(reader, reader->line.size > 0 ? bm_buf_view(&reader->line) : bm_bytes_slice(piece, 0, end)));
        bm_buf_clear(&reader->line);
        piece = bm_bytes_slice(piece, end + 1, piece.size - end - 1);
    }
    return bm_ok();
}

BM_RESULT bm_answers_reader_end(bm_answers_reader *reader, const bm_ca *cas, size_t ca_count, int64_t now)
{
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    BM_AUTO_BUF message = BM_BUF_EMPTY;
    uint8_t digest[BM_SHA256_SIZE];
    bm_pubkey public_key;
    bm_result verified;

    if (!reader->begun)
        return invalid("it is no file of answers");
    if (!reader->ended || reader->line.size > 0)
        return invalid("it is cut off, or was never signed");
    BM_TRY(bm_signer_check(bm_buf_view(&reader->certificate), cas, ca_count, now, &public_key));
    BM_TRY(bm_hash_stream_end(reader->hash, digest));
    BM_TRY(put_message(digest, &message));
    BM_TRY(bm_result_as(bm_pkey_from_public(&public_key, &key), BM_E_ANSWER_INVALID));
    verified = bm_pkey_verify(key, BM_SIG_ECDSA_SHA256, bm_buf_view(&message), bm_buf_view(&reader->signature));
    if (verified.code == BM_E_NO_MEMORY)
        return verified;
    return verified.code == BM_OK ? bm_ok() : invalid("it was changed after it was signed");
}
