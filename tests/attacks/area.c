/* Public areas (TPM 2.0 Part 2, 12.2.4), each field of which a case can change. */
#include "tpm.h"

#include <string.h>

#define EK_LOW 0x000300B2u
#define EK_HIGH 0x000300F2u
#define IK 0x00040472u /* fixedTPM fixedParent sensitiveDataOrigin userWithAuth noDA sign */

static const struct {
    const char *name;
    uint32_t bit;
} attributes[] = {
    {"fixedtpm", 0x2},     {"stclear", 0x4},          {"fixedparent", 0x10}, {"sensitivedataorigin", 0x20},
    {"userwithauth", 0x40}, {"adminwithpolicy", 0x80}, {"noda", 0x400},       {"encryptedduplication", 0x800},
    {"restricted", 0x10000}, {"decrypt", 0x20000},     {"sign", 0x40000},     {"x509sign", 0x80000},
    {"reserved", 0x100},
};

static uint32_t attribute(const atk_line *line, const char *name)
{
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
        if (strcmp(attributes[i].name, name) == 0)
            return attributes[i].bit;
    atk_wrong(line, "no such attribute", name);
}

/* "+decrypt,-sign": set and clear. */
static uint32_t change(const atk_line *line, uint32_t from, const char *changes)
{
    char name[ATK_NAME_MAX];

    for (const char *at = changes; at != NULL && *at != 0;) {
        size_t size = strcspn(at, ",");

        if (size < 2 || size >= sizeof(name) || (*at != '+' && *at != '-'))
            atk_wrong(line, "attributes are changed by +name,-name", changes);
        memcpy(name, at + 1, size - 1);
        name[size - 1] = 0;
        if (*at == '+')
            from |= attribute(line, name);
        else
            from &= ~attribute(line, name);
        at += size + (at[size] == ',');
    }
    return from;
}

/* A field as hex digits of an option, or its usual value. */
static void put_field(atk_line *line, const char *option, const char *otherwise, bm_buf *out)
{
    atk_put_hex(line, atk_option_or(line, option, otherwise), out);
}

static void put_sized(atk_line *line, const char *option, bm_bytes otherwise, bm_buf *out)
{
    BM_AUTO_BUF bytes = BM_BUF_EMPTY;
    const char *value = atk_option(line, option);

    if (value == NULL)
        atk_need(bm_buf_put(&bytes, otherwise), option);
    else
        atk_put_hex(line, value, &bytes);
    atk_need(bm_buf_put_sized16(out, bm_buf_view(&bytes)), option);
}

/* The parameters' end and the unique. */
static void put_key(atk_line *line, const atk_key *key, bm_buf *area)
{
    if (key->rsa) {
        uint32_t exponent = key->e == 65537 ? 0 : key->e;

        atk_need(bm_buf_put_u16(area, (uint16_t)atk_number(line, "bits", (int64_t)key->n.size * 8)), "bits");
        atk_need(bm_buf_put_u32(area, (uint32_t)atk_number(line, "exponent", exponent)), "exponent");
        put_sized(line, "n", bm_buf_view(&key->n), area);
    } else {
        atk_need(bm_buf_put_u16(area, (uint16_t)atk_number(line, "curve", key->curve)), "curve");
        put_field(line, "kdf", "0010", area);
        put_sized(line, "x", bm_buf_view(&key->x), area);
        put_sized(line, "y", bm_buf_view(&key->y), area);
    }
}

/* What an area has before its key: the usual values. */
typedef struct {
    const char *name_alg;
    uint32_t attributes;
    bm_bytes policy;
    const char *symmetric;
} head;

static void put_area(atk_line *line, const head *usual, const atk_key *key, bm_buf *out)
{
    BM_AUTO_BUF area = BM_BUF_EMPTY;

    put_field(line, "type", key->rsa ? "0001" : "0023", &area);
    put_field(line, "name-alg", usual->name_alg, &area);
    atk_need(bm_buf_put_u32(&area, change(line, usual->attributes, atk_option(line, "attributes"))), "attributes");
    put_sized(line, "policy", usual->policy, &area);
    put_field(line, "symmetric", usual->symmetric, &area);
    put_field(line, "scheme", "0010", &area);
    put_key(line, key, &area);
    bm_buf_clear(out);
    atk_need(bm_buf_put_sized16(out, bm_buf_view(&area)), "a public area");
}

void atk_tpm_put_ek(atk_line *line, atk_tpm *tpm)
{
    const bm_ek_template *row = bm_template_ek(tpm->ek_template);
    bool low = row->policy == BM_EK_POLICY_A;
    head usual = {
        .name_alg = row->name_alg == BM_HASH_SHA384 ? "000c" : "000b",
        .attributes = low ? EK_LOW : EK_HIGH,
        .policy = low ? bm_template_policy_a(row->name_alg) : bm_template_policy_b(row->name_alg),
        .symmetric = row->aes_bits == 256 ? "0006:0100:0043" : "0006:0080:0043",
    };

    put_area(line, &usual, &tpm->ek, &tpm->field[ATK_EK_PUBLIC]);
}

void atk_tpm_put_ik(atk_line *line, atk_tpm *tpm)
{
    head usual = {
        .name_alg = tpm->ik.nid == NID_secp384r1 ? "000c" : "000b",
        .attributes = IK,
        .policy = bm_bytes_of(NULL, 0),
        .symmetric = "0010",
    };

    put_area(line, &usual, &tpm->ik, &tpm->field[ATK_IK_PUBLIC]);
}
