/*
 * oracle structures                                 compare our templates with libtss2-mu
 * oracle create-ek L-2 EK.pub HANDLE                make an EK in the TPM from our template (create-ik: ecc256; create-zero: EK.pub HANDLE)
 * oracle match EK.pub                               print the template's label
 * oracle name KEY.pub                               print the Name as hex
 * oracle make MODE EK.pub IK.pub SECRET CREDENTIAL  make a credential file of tpm2-tools; MODE: plain, or (ECC) ephemeral: the ephemeral
 *                                                   x begins with a zero byte, shared: the x of the shared point does
 * oracle soft L-2 plain|zero EK.pub EK.pem          make an EK in software; zero: its x begins with a zero byte
 * oracle open EK.pub EK.pem IK.pub CREDENTIAL OUT   open a credential file with such an EK
 * oracle kdfa|kdfe HASH KEY LABEL U V BITS          print a KDF's output; keys and contexts as hex
 */
#include "oracle.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_KEYS 20000
#define CREDENTIAL_MAGIC 0xBADCC0DEu /* of tpm2-tools, then version 1 */

void oracle_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fputs("oracle: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputs("\n", stderr);
    va_end(args);
    exit(1);
}

void oracle_must(bm_result result, const char *what)
{
    if (result.code != BM_OK)
        oracle_die("%s: %s (%s)", what, bm_code_name(result.code), result.detail == NULL ? "-" : result.detail);
}

static void print_hex(FILE *to, bm_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        (void)fprintf(to, "%02x", bytes.data[i]);
    (void)fputs("\n", to);
}

void oracle_same(bm_bytes ours, bm_bytes theirs, const char *what)
{
    if (bm_bytes_equal(ours, theirs))
        return;
    print_hex(stderr, ours);
    print_hex(stderr, theirs);
    oracle_die("%s: not the same (ours stands first)", what);
}

bm_buf oracle_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    bm_buf out = BM_BUF_EMPTY;
    uint8_t chunk[512];
    size_t size;

    if (file == NULL)
        oracle_die("cannot open %s", path);
    while ((size = fread(chunk, 1, sizeof(chunk), file)) > 0)
        oracle_must(bm_buf_put(&out, bm_bytes_of(chunk, size)), "memory");
    (void)fclose(file);
    return out;
}

void oracle_write(const char *path, bm_bytes bytes)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(bytes.data, 1, bytes.size, file) != bytes.size || fclose(file) != 0)
        oracle_die("cannot write %s", path);
}

const bm_ek_template *oracle_row(const char *label)
{
    for (unsigned i = 0; i < BM_EK_TEMPLATE_COUNT; i++)
        if (strcmp(bm_template_ek((bm_ek_template_id)i)->label, label) == 0)
            return bm_template_ek((bm_ek_template_id)i);
    oracle_die("no EK template %s", label);
}

static bm_tpm_public parse(const bm_buf *area)
{
    bm_tpm_public parsed;

    oracle_must(bm_tpm_public_parse(bm_buf_view(area), &parsed), "a public area");
    return parsed;
}

static bm_tpm_name name_of(const char *path)
{
    BM_AUTO_BUF area = oracle_read(path);
    const bm_tpm_public parsed = parse(&area);
    bm_tpm_name name;

    oracle_must(bm_tpm_public_name(&parsed, &name), "a Name");
    return name;
}

/* Does this ephemeral key have what the mode wants? */
static bool serves(const char *mode, const bm_pkey *ephemeral, const bm_pkey *ek_key)
{
    uint8_t z[BM_ECC_MAX];
    bm_pubkey point;

    oracle_must(bm_pkey_public(ephemeral, &point), "an ephemeral key");
    if (strcmp(mode, "ephemeral") == 0)
        return point.x[0] == 0;
    oracle_must(bm_pkey_ecdh(ephemeral, ek_key, z, bm_pubkey_field_size(point.type)), "ECDH");
    return z[0] == 0;
}

static bm_pkey *find_ephemeral(const char *mode, bm_key_type type, const bm_pkey *ek_key)
{
    for (int i = 0; i < MOST_KEYS; i++) {
        bm_pkey *key = NULL;

        oracle_must(bm_pkey_generate(type, &key), "an ephemeral key");
        if (serves(mode, key, ek_key))
            return key;
        bm_pkey_free(key);
    }
    oracle_die("no ephemeral key for %s in %d", mode, MOST_KEYS);
}

static void make(const char *mode, const char *ek_path, const char *ik_path, const char *secret_path, const char *out_path)
{
    BM_AUTO_BUF area = oracle_read(ek_path);
    BM_AUTO_BUF secret = oracle_read(secret_path);
    BM_AUTO_BUF object = BM_BUF_EMPTY;
    BM_AUTO_BUF seed = BM_BUF_EMPTY;
    BM_AUTO_BUF file = BM_BUF_EMPTY;
    BM_AUTO(bm_pkey_freep) bm_pkey *ek_key = NULL;
    BM_AUTO(bm_pkey_freep) bm_pkey *ephemeral = NULL;
    const bm_tpm_public ek = parse(&area);
    const bm_tpm_name name = name_of(ik_path);

    oracle_must(bm_pkey_from_public(&ek.key, &ek_key), "the EK");
    if (strcmp(mode, "plain") == 0) {
        oracle_must(bm_credential_make(&ek, ek_key, bm_tpm_public_name_view(&name), bm_buf_view(&secret), &object, &seed), "make");
    } else {
        ephemeral = find_ephemeral(mode, ek.key.type, ek_key);
        oracle_must(bm_credential_make_with(&ek, ek_key, ephemeral, bm_tpm_public_name_view(&name), bm_buf_view(&secret), &object, &seed),
                    "make");
    }
    oracle_must(bm_buf_put_u32(&file, CREDENTIAL_MAGIC), "memory");
    oracle_must(bm_buf_put_u32(&file, 1), "memory");
    oracle_must(bm_buf_put(&file, bm_buf_view(&object)), "memory");
    oracle_must(bm_buf_put(&file, bm_buf_view(&seed)), "memory");
    oracle_write(out_path, bm_buf_view(&file));
}

static void soft(const char *label, const char *mode, const char *pub_path, const char *pem_path)
{
    const bm_ek_template *row = oracle_row(label);
    BM_AUTO_BUF area = BM_BUF_EMPTY;
    BM_AUTO_BUF pem = BM_BUF_EMPTY;
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    bm_pubkey value;

    if (strcmp(mode, "zero") == 0)
        key = find_ephemeral("ephemeral", row->key_type, NULL);
    else
        oracle_must(bm_pkey_generate(row->key_type, &key), "an EK");
    oracle_must(bm_pkey_public(key, &value), "an EK");
    oracle_must(bm_template_put_ek(&area, row, &value), "an EK");
    oracle_must(bm_pkey_put_private_pem(&pem, key), "an EK");
    oracle_write(pub_path, bm_buf_view(&area));
    oracle_write(pem_path, bm_buf_view(&pem));
}

/* A view of the next TPM2B, with its size. */
static bm_bytes next_tpm2b(bm_cursor *cursor)
{
    bm_cursor from = *cursor;
    bm_bytes inside;

    oracle_must(bm_cursor_sized16(cursor, UINT16_MAX, &inside), "a credential file");
    return bm_bytes_slice(from.rest, 0, inside.size + 2);
}

static void open_credential(const char *ek_path, const char *pem_path, const char *ik_path, const char *path, const char *out_path)
{
    BM_AUTO_BUF area = oracle_read(ek_path);
    BM_AUTO_BUF pem = oracle_read(pem_path);
    BM_AUTO_BUF file = oracle_read(path);
    BM_AUTO_BUF secret = BM_BUF_EMPTY;
    BM_AUTO(bm_pkey_freep) bm_pkey *key = NULL;
    const bm_tpm_public ek = parse(&area);
    const bm_tpm_name name = name_of(ik_path);
    bm_cursor cursor = bm_cursor_of(bm_buf_view(&file));
    uint32_t magic, version;
    bm_bytes object, seed;

    oracle_must(bm_pkey_from_private(bm_buf_view(&pem), &key), "the EK");
    oracle_must(bm_cursor_u32(&cursor, &magic), "a credential file");
    oracle_must(bm_cursor_u32(&cursor, &version), "a credential file");
    if (magic != CREDENTIAL_MAGIC || version != 1)
        oracle_die("%s is not a credential file of tpm2-tools", path);
    object = next_tpm2b(&cursor);
    seed = next_tpm2b(&cursor);
    oracle_must(bm_cursor_end(&cursor), "a credential file");
    oracle_must(bm_credential_open(&ek, key, bm_tpm_public_name_view(&name), object, seed, &secret), "open");
    oracle_write(out_path, bm_buf_view(&secret));
}

static bm_buf unhex(const char *hex)
{
    bm_buf out = BM_BUF_EMPTY;

    oracle_must(bm_text_from_hex(bm_bytes_str(hex), &out), "hex");
    return out;
}

static void kdf(char **argv)
{
    static const char *const names[] = {"NONE", "SHA256", "SHA384", "SHA512"};
    BM_AUTO_BUF key = unhex(argv[3]);
    BM_AUTO_BUF u = unhex(argv[5]);
    BM_AUTO_BUF v = unhex(argv[6]);
    unsigned bits = (unsigned)strtoul(argv[7], NULL, 10);
    bm_hash_alg alg = BM_HASH_NONE;
    uint8_t out[512];

    if (bits > sizeof(out) * 8)
        oracle_die("too many bits");
    for (unsigned i = 1; i < 4; i++)
        if (strcmp(names[i], argv[2]) == 0)
            alg = (bm_hash_alg)i;
    if (strcmp(argv[1], "kdfa") == 0)
        oracle_must(bm_hash_kdfa(alg, bm_buf_view(&key), argv[4], bm_buf_view(&u), bm_buf_view(&v), bits, out), "KDFa");
    else
        oracle_must(bm_hash_kdfe(alg, bm_buf_view(&key), argv[4], bm_buf_view(&u), bm_buf_view(&v), bits, out), "KDFe");
    print_hex(stdout, bm_bytes_of(out, bits / 8));
}

static void match(const char *path)
{
    BM_AUTO_BUF area = oracle_read(path);
    const bm_tpm_public parsed = parse(&area);
    const bm_ek_template *row = bm_template_match_ek(&parsed);

    (void)puts(row == NULL ? "none" : row->label);
}

static void print_name(const char *path)
{
    const bm_tpm_name name = name_of(path);

    print_hex(stdout, bm_tpm_public_name_view(&name));
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (strcmp(command, "structures") == 0 && argc == 2)
        oracle_structures();
    else if (strcmp(command, "create-ek") == 0 && argc == 5)
        oracle_create_ek(argv[2], argv[3], argv[4]);
    else if (strcmp(command, "create-ik") == 0 && argc == 5)
        oracle_create_ik(argv[2], argv[3], argv[4]);
    else if (strcmp(command, "create-zero") == 0 && argc == 4)
        oracle_create_zero_ek(argv[2], argv[3]);
    else if (strcmp(command, "match") == 0 && argc == 3)
        match(argv[2]);
    else if (strcmp(command, "name") == 0 && argc == 3)
        print_name(argv[2]);
    else if (strcmp(command, "make") == 0 && argc == 7)
        make(argv[2], argv[3], argv[4], argv[5], argv[6]);
    else if (strcmp(command, "soft") == 0 && argc == 6)
        soft(argv[2], argv[3], argv[4], argv[5]);
    else if (strcmp(command, "open") == 0 && argc == 7)
        open_credential(argv[2], argv[3], argv[4], argv[5], argv[6]);
    else if ((strcmp(command, "kdfa") == 0 || strcmp(command, "kdfe") == 0) && argc == 8)
        kdf(argv);
    else
        oracle_die("which command? The beginning of oracle.c has them");
    return 0;
}
