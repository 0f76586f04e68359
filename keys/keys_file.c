#include "keys/keys.h"

#include "crypto/cipher.h"
#include "crypto/random.h"

#include <sys/mman.h>

#define TICKET_KEYS_MAX 64
#define TICKET_ROW_SIZE (4 + BM_TICKET_KEY_SIZE)

typedef struct {
    uint32_t id;
    uint8_t key[BM_TICKET_KEY_SIZE];
} ticket_key;

/* Lives in a mapping of its own: locked where that is allowed, and never in a core file. */
typedef struct {
    bm_keys base;
    bm_pkey *ca;
    bm_sig_alg alg;
    size_t ticket_count; /* the newest last */
    ticket_key tickets[TICKET_KEYS_MAX];
} file_keys;

static file_keys *own_of(bm_keys *keys)
{
    return (file_keys *)(void *)keys;
}

static const file_keys *own_of_const(const bm_keys *keys)
{
    return (const file_keys *)(const void *)keys;
}

static BM_RESULT file_sign(bm_keys *keys, bm_bytes message, bm_buf *signature)
{
    return bm_pkey_sign(own_of(keys)->ca, own_of(keys)->alg, message, signature);
}

static BM_RESULT file_ticket_mac(bm_keys *keys, uint32_t id, bm_bytes message, uint8_t mac[BM_SHA256_SIZE])
{
    const file_keys *own = own_of(keys);
    bm_digest digest;
    bm_result result;

    for (size_t i = 0; i < own->ticket_count; i++)
        if (own->tickets[i].id == id) {
            BM_TRY(bm_hash_hmac(BM_HASH_SHA256, BM_BYTES_ARRAY(own->tickets[i].key), &message, 1, &digest));
            result = bm_bytes_copy_exact(bm_hash_view(&digest), mac, BM_SHA256_SIZE);
            bm_wipe(&digest, sizeof(digest));
            return result;
        }
    return bm_fail(BM_E_TICKET_INVALID, NULL);
}

static uint32_t file_ticket_key_id(const bm_keys *keys)
{
    const file_keys *own = own_of_const(keys);

    return own->tickets[own->ticket_count - 1].id;
}

static BM_RESULT file_public_key(const bm_keys *keys, bm_pubkey *key)
{
    return bm_pkey_public(own_of_const(keys)->ca, key);
}

static void file_free(bm_keys *keys)
{
    file_keys *own = own_of(keys);

    bm_pkey_free(own->ca);
    bm_wipe(own, sizeof(*own));
    (void)munmap(own, sizeof(*own));
}

static const bm_keys_ops file_ops = {
    .name = "file",
    .sign = file_sign,
    .ticket_mac = file_ticket_mac,
    .ticket_key_id = file_ticket_key_id,
    .public_key = file_public_key,
    .free = file_free,
};

static BM_RESULT allocate(file_keys **own)
{
    void *memory = mmap(NULL, sizeof(file_keys), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    BM_CHECK(memory != MAP_FAILED, BM_E_NO_MEMORY, NULL);
    /* Both are hardening that a machine's limits may refuse; the keys work without. */
    (void)mlock(memory, sizeof(file_keys));
    (void)madvise(memory, sizeof(file_keys), MADV_DONTDUMP);
    *own = memory;
    (*own)->base.ops = &file_ops;
    return bm_ok();
}

static BM_RESULT open_ca(file_keys *own, bm_bytes passphrase, bm_bytes sealed)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;
    bm_pubkey key;

    BM_TRY(bm_cipher_unseal(passphrase, BM_KEYS_LABEL_CA, sealed, &der));
    BM_TRY(bm_pkey_from_private(bm_buf_view(&der), &own->ca));
    BM_TRY(bm_pkey_public(own->ca, &key));
    own->alg = bm_pkey_default_sig(key.type);
    BM_CHECK(own->alg != BM_SIG_NONE, BM_E_KEY_INVALID, "the CA key is of a type that cannot sign certificates");
    return bm_ok();
}

static bool has_ticket_key(const file_keys *own, uint32_t id)
{
    for (size_t i = 0; i < own->ticket_count; i++)
        if (own->tickets[i].id == id)
            return true;
    return false;
}

static BM_RESULT open_tickets(file_keys *own, bm_bytes passphrase, bm_bytes sealed)
{
    BM_AUTO_BUF rows = BM_BUF_EMPTY;
    bm_cursor cursor;

    BM_TRY(bm_cipher_unseal(passphrase, BM_KEYS_LABEL_TICKET, sealed, &rows));
    BM_CHECK(rows.size > 0 && rows.size % TICKET_ROW_SIZE == 0 && rows.size / TICKET_ROW_SIZE <= TICKET_KEYS_MAX,
             BM_E_KEY_INVALID, "the ticket file has a size that it cannot have");
    cursor = bm_cursor_of(bm_buf_view(&rows));
    while (cursor.rest.size > 0) {
        ticket_key *row = &own->tickets[own->ticket_count];
        uint32_t id;

        BM_TRY(bm_cursor_u32(&cursor, &id));
        BM_TRY(bm_cursor_copy(&cursor, row->key, sizeof(row->key)));
        BM_CHECK(id != 0 && !has_ticket_key(own, id), BM_E_KEY_INVALID, "the ticket file has a key without a number of its own");
        row->id = id;
        own->ticket_count++;
    }
    return bm_ok();
}

BM_RESULT bm_keys_file_open(bm_bytes passphrase, bm_bytes ca_key, bm_bytes ticket_keys, bm_keys **keys)
{
    BM_AUTO(bm_keys_freep) bm_keys *opened = NULL;
    file_keys *own;

    BM_TRY(allocate(&own));
    opened = &own->base;
    BM_TRY(open_tickets(own, passphrase, ticket_keys));
    BM_TRY(open_ca(own, passphrase, ca_key));
    *keys = opened;
    opened = NULL;
    return bm_ok();
}

BM_RESULT bm_keys_file_seal_ca(bm_bytes passphrase, bm_cipher_passphrase kind, const bm_pkey *key, bm_buf *sealed)
{
    BM_AUTO_BUF der = BM_BUF_EMPTY;

    BM_TRY(bm_pkey_put_private(&der, key));
    return bm_cipher_seal(passphrase, kind, BM_KEYS_LABEL_CA, bm_buf_view(&der), sealed);
}

BM_RESULT bm_keys_file_new_ticket(bm_bytes passphrase, bm_cipher_passphrase kind, bm_buf *sealed)
{
    BM_AUTO_BUF row = BM_BUF_EMPTY;
    uint8_t *bytes;

    BM_TRY(bm_buf_extend(&row, TICKET_ROW_SIZE, &bytes));
    do {
        BM_TRY(bm_random(bytes, TICKET_ROW_SIZE));
    } while (bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 0);
    return bm_cipher_seal(passphrase, kind, BM_KEYS_LABEL_TICKET, bm_buf_view(&row), sealed);
}
