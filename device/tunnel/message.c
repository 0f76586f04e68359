#include "device/tunnel/message.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX (4u << 20)

void bm_tunnel_message_files_fini(bm_tunnel_files *files)
{
    bm_buf_fini(&files->certificate);
    bm_buf_fini(&files->chain);
    bm_buf_fini(&files->ca);
}

static BM_RESULT send_all(int fd, bm_bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        BM_CHECK(sent > 0, BM_E_INTERNAL, "a part of the tunnel has ended");
        bytes = bm_bytes_slice(bytes, (size_t)sent, bytes.size - (size_t)sent);
    }
    return bm_ok();
}

BM_RESULT bm_tunnel_message_send(int fd, bm_bytes body)
{
    BM_AUTO_BUF framed = BM_BUF_EMPTY;

    BM_CHECK(body.size <= MESSAGE_MAX, BM_E_INTERNAL, "a message of the tunnel is too long");
    BM_TRY(bm_buf_put_sized32(&framed, body));
    return send_all(fd, bm_buf_view(&framed));
}

static BM_RESULT receive_all(int fd, uint8_t *to, size_t size, bool *ended)
{
    size_t have = 0;

    *ended = false;
    while (have < size) {
        ssize_t got = recv(fd, to + have, size - have, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0 && have == 0) {
            *ended = true;
            return bm_ok();
        }
        BM_CHECK(got > 0, BM_E_INTERNAL, "a part of the tunnel has ended");
        have += (size_t)got;
    }
    return bm_ok();
}

BM_RESULT bm_tunnel_message_receive(int fd, bm_buf *body, bool *ended)
{
    uint8_t head[4] = {0};
    bm_cursor cursor = bm_cursor_of(BM_BYTES_ARRAY(head));
    uint32_t size;
    uint8_t *to;
    bool cut;

    BM_TRY(receive_all(fd, head, sizeof(head), ended));
    if (*ended)
        return bm_ok();
    BM_TRY(bm_cursor_u32(&cursor, &size));
    BM_CHECK(size > 0 && size <= MESSAGE_MAX, BM_E_INTERNAL, "a message of the tunnel has a wrong size");
    BM_TRY(bm_buf_extend(body, size, &to));
    BM_TRY(receive_all(fd, to, size, &cut));
    BM_CHECK(!cut, BM_E_INTERNAL, "a part of the tunnel has ended");
    return bm_ok();
}

BM_RESULT bm_tunnel_message_put_ask(bm_buf *out, bm_tunnel_ask ask)
{
    return bm_buf_put_u8(out, (uint8_t)ask);
}

BM_RESULT bm_tunnel_message_put_wish(bm_buf *out, const bm_tls_wish *wish)
{
    BM_TRY(bm_tunnel_message_put_ask(out, BM_TUNNEL_ASK_SIGN));
    BM_TRY(bm_buf_put_u32(out, wish->handle));
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(wish->key)));
    BM_TRY(bm_buf_put_u8(out, (uint8_t)wish->scheme));
    BM_TRY(bm_buf_put_u8(out, (uint8_t)wish->hash));
    return bm_buf_put_sized16(out, bm_hash_view(&wish->digest));
}

static BM_RESULT parse_wish(bm_cursor *cursor, bm_tls_wish *wish)
{
    bm_tls_wish parsed = {.handle = 0};
    uint8_t scheme;
    uint8_t hash;
    bm_bytes digest;

    BM_TRY(bm_cursor_u32(cursor, &parsed.handle));
    BM_TRY(bm_cursor_copy(cursor, parsed.key, sizeof(parsed.key)));
    BM_TRY(bm_cursor_u8(cursor, &scheme));
    BM_TRY(bm_cursor_u8(cursor, &hash));
    BM_TRY(bm_cursor_sized16(cursor, BM_HASH_MAX, &digest));
    BM_CHECK(scheme >= BM_TLS_ECDSA && scheme <= BM_TLS_PSS, BM_E_MALFORMED, "no such scheme");
    BM_CHECK(hash >= BM_HASH_SHA256 && hash <= BM_HASH_SHA512 && digest.size == bm_hash_size((bm_hash_alg)hash), BM_E_MALFORMED, "no such hash");
    parsed.scheme = (bm_tls_scheme)scheme;
    parsed.hash = (bm_hash_alg)hash;
    parsed.digest.size = digest.size;
    BM_TRY(bm_bytes_copy_exact(digest, parsed.digest.bytes, digest.size));
    *wish = parsed;
    return bm_ok();
}

BM_RESULT bm_tunnel_message_parse_ask(bm_bytes body, bm_tunnel_ask *ask, bm_tls_wish *wish)
{
    bm_cursor cursor = bm_cursor_of(body);
    uint8_t type;

    BM_TRY(bm_cursor_u8(&cursor, &type));
    BM_CHECK(type >= BM_TUNNEL_ASK_LOAD && type <= BM_TUNNEL_ASK_END, BM_E_MALFORMED, "no such request");
    if (type == BM_TUNNEL_ASK_SIGN)
        BM_TRY(parse_wish(&cursor, wish));
    BM_TRY(bm_cursor_end(&cursor));
    *ask = (bm_tunnel_ask)type;
    return bm_ok();
}

BM_RESULT bm_tunnel_message_put_failure(bm_buf *out, bm_result failure)
{
    BM_TRY(bm_buf_put_u8(out, 0));
    BM_TRY(bm_buf_put_u32(out, (uint32_t)failure.code));
    return bm_buf_put_sized16(out, bm_bytes_str(failure.detail));
}

/* Reads whether it went well, and the failure when it did not. */
static BM_RESULT parse_verdict(bm_cursor *cursor)
{
    uint8_t good;
    uint32_t code;
    bm_bytes detail;

    BM_TRY(bm_cursor_u8(cursor, &good));
    if (good == 1)
        return bm_ok();
    BM_TRY(bm_cursor_u32(cursor, &code));
    BM_TRY(bm_cursor_sized16(cursor, UINT16_MAX, &detail));
    BM_CHECK(good == 0 && code > BM_OK && code < BM_CODE_COUNT, BM_E_MALFORMED, "no reply of a helper");
    if (detail.size == 0)
        return bm_fail((bm_code)code, NULL);
    return bm_failf((bm_code)code, "%.*s", (int)detail.size, (const char *)detail.data);
}

BM_RESULT bm_tunnel_message_put_files(bm_buf *out, const bm_tunnel_files *files)
{
    BM_TRY(bm_buf_put_u8(out, 1));
    BM_TRY(bm_buf_put_u32(out, files->handle));
    BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(files->stamp)));
    BM_TRY(bm_buf_put_sized32(out, bm_buf_view(&files->certificate)));
    BM_TRY(bm_buf_put_sized32(out, bm_buf_view(&files->chain)));
    return bm_buf_put_sized32(out, bm_buf_view(&files->ca));
}

static BM_RESULT take_sized(bm_cursor *cursor, bm_buf *to)
{
    bm_bytes bytes;

    BM_TRY(bm_cursor_sized32(cursor, MESSAGE_MAX, &bytes));
    return bm_buf_put(to, bytes);
}

BM_RESULT bm_tunnel_message_parse_files(bm_bytes body, bm_tunnel_files *files)
{
    bm_cursor cursor = bm_cursor_of(body);

    BM_TRY(parse_verdict(&cursor));
    BM_TRY(bm_cursor_u32(&cursor, &files->handle));
    BM_TRY(bm_cursor_copy(&cursor, files->stamp, sizeof(files->stamp)));
    BM_TRY(take_sized(&cursor, &files->certificate));
    BM_TRY(take_sized(&cursor, &files->chain));
    BM_TRY(take_sized(&cursor, &files->ca));
    return bm_cursor_end(&cursor);
}

BM_RESULT bm_tunnel_message_put_bytes(bm_buf *out, bm_bytes bytes)
{
    BM_TRY(bm_buf_put_u8(out, 1));
    return bm_buf_put_sized16(out, bytes);
}

BM_RESULT bm_tunnel_message_parse_bytes(bm_bytes body, bm_buf *bytes)
{
    bm_cursor cursor = bm_cursor_of(body);
    bm_bytes view;

    BM_TRY(parse_verdict(&cursor));
    BM_TRY(bm_cursor_sized16(&cursor, UINT16_MAX, &view));
    BM_TRY(bm_cursor_end(&cursor));
    return bm_buf_put(bytes, view);
}

BM_RESULT bm_tunnel_message_put_addresses(bm_buf *out, const bm_tunnel_addresses *addresses)
{
    BM_TRY(bm_buf_put_u8(out, 1));
    BM_TRY(bm_buf_put_u8(out, (uint8_t)addresses->count));
    for (size_t i = 0; i < addresses->count; i++)
        BM_TRY(bm_buf_put(out, BM_BYTES_ARRAY(addresses->address[i].bytes)));
    return bm_ok();
}

BM_RESULT bm_tunnel_message_parse_addresses(bm_bytes body, bm_tunnel_addresses *addresses)
{
    bm_cursor cursor = bm_cursor_of(body);
    bm_tunnel_addresses parsed = {.count = 0};
    uint8_t count;

    BM_TRY(parse_verdict(&cursor));
    BM_TRY(bm_cursor_u8(&cursor, &count));
    BM_CHECK(count > 0 && count <= BM_TUNNEL_ADDRESSES_MAX, BM_E_MALFORMED, "no reply of a helper");
    for (; parsed.count < count; parsed.count++)
        BM_TRY(bm_cursor_copy(&cursor, parsed.address[parsed.count].bytes, sizeof(parsed.address[0].bytes)));
    BM_TRY(bm_cursor_end(&cursor));
    *addresses = parsed;
    return bm_ok();
}
