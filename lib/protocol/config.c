#include "protocol/config.h"

#include "protocol/config_server.h"

#include <ini.h>
#include <stdio.h>

#define LINE_MAX_SIZE 190 /* inih cuts lines at 200 and goes on: refused before that */
#define DAY 86400
#define TICKET_LIFETIME_MAX 3600
#define OFFLINE_TICKET_LIFETIME_MAX (INT64_C(30) * DAY)

/* Keys of a profile, to know which were given. */
typedef enum { KEY_TRUST, KEY_CLASSES, KEY_IK_KEYS, KEY_IDENTITY, KEY_SUBJECT, KEY_VALIDITY, KEY_TICKET_LIFETIME, KEY_OFFLINE_TICKET_LIFETIME, KEY_RENEW_EXPIRED, KEY_COUNT } profile_key;

static const char *const profile_keys[KEY_COUNT] = {"trust",   "classes",  "ik_keys",         "identity",
                                                    "subject", "validity", "ticket_lifetime", "offline_ticket_lifetime", "renew_expired"};

/* What the handler of inih works on. */
typedef struct {
    bm_config *config;
    bool given[BM_CONFIG_PROFILES_MAX][KEY_COUNT];
    bm_config_server_keys server;
    bm_result failure; /* the first */
    char reason[256];
} parser;

/* A word of a fixed list, as its index; -1 when it is none. */
static int word_of(bm_bytes text, const char *const *words, int count)
{
    for (int i = 0; i < count; i++)
        if (bm_bytes_equal(text, bm_bytes_str(words[i])))
            return i;
    return -1;
}

static BM_RESULT set_classes(bm_bytes value, bm_profile *profile)
{
    bm_bytes word;
    bm_tpm_class class;

    for (int i = 0; i < BM_CLASS_COUNT; i++)
        profile->classes[i] = false;
    while (bm_text_next_word(&value, &word)) {
        if (bm_anchors_class_by_name(word, &class).code != BM_OK)
            return bm_fail(BM_E_CONFIG_INVALID, "classes is a list of discrete, firmware, virtual");
        profile->classes[class] = true;
    }
    return bm_ok();
}

static BM_RESULT set_ik_keys(bm_bytes value, bm_profile *profile)
{
    bm_bytes word;

    for (int i = 0; i < BM_KEY_TYPE_COUNT; i++)
        profile->ik_keys[i] = false;
    while (bm_text_next_word(&value, &word)) {
        bm_key_type type = bm_pubkey_type_by_name(word);

        BM_CHECK(type != BM_KEY_NONE, BM_E_CONFIG_INVALID,
                 "ik_keys is a list of rsa2048, rsa3072, rsa4096, ecc256, ecc384, ecc521");
        profile->ik_keys[type] = true;
    }
    return bm_ok();
}

static BM_RESULT set_trust(bm_bytes value, bm_profile *profile)
{
    static const char *const words[] = {"certificate", "inventory", "both"};
    int word = word_of(value, words, 3);

    BM_CHECK(word >= 0, BM_E_CONFIG_INVALID, "trust is one of certificate, inventory, both");
    profile->trust = (bm_trust_rule)word;
    return bm_ok();
}

static BM_RESULT set_identity(bm_bytes value, bm_profile *profile)
{
    static const char *const words[] = {"inventory", "ek", "claim"};
    int word = word_of(value, words, 3);

    BM_CHECK(word >= 0, BM_E_CONFIG_INVALID, "identity is one of inventory, ek, claim");
    profile->identity = (bm_identity_rule)word;
    return bm_ok();
}

static BM_RESULT set_duration(bm_bytes value, int64_t max, const char *reason, int64_t *seconds)
{
    int64_t parsed;

    if (bm_text_parse_duration(value, &parsed).code != BM_OK || parsed < 1 || parsed > max)
        return bm_fail(BM_E_CONFIG_INVALID, reason);
    *seconds = parsed;
    return bm_ok();
}

/* 0, without a unit, says that there is none. */
static BM_RESULT set_offline_lifetime(bm_bytes value, bm_profile *profile)
{
    if (bm_bytes_equal(value, bm_bytes_str("0"))) {
        profile->offline_ticket_lifetime = 0;
        return bm_ok();
    }
    return set_duration(value, OFFLINE_TICKET_LIFETIME_MAX, "offline_ticket_lifetime is a duration as 7d, at most 30d, or 0",
                        &profile->offline_ticket_lifetime);
}

/* Until when a device may renew whose last certificate has ended. */
static BM_RESULT set_renew_expired(bm_bytes value, bm_profile *profile)
{
    profile->lapses = !bm_bytes_equal(value, bm_bytes_str("always"));
    profile->renew_expired = 0;
    if (!profile->lapses || bm_bytes_equal(value, bm_bytes_str("never")))
        return bm_ok();
    return set_duration(value, INT64_C(100) * 365 * DAY, "renew_expired is always, never, or a duration as 30d, at most 100y",
                        &profile->renew_expired);
}

static BM_RESULT set_profile_key(profile_key key, bm_bytes value, bm_profile *profile)
{
    switch (key) {
    case KEY_TRUST:
        return set_trust(value, profile);
    case KEY_CLASSES:
        return set_classes(value, profile);
    case KEY_IK_KEYS:
        return set_ik_keys(value, profile);
    case KEY_IDENTITY:
        return set_identity(value, profile);
    case KEY_SUBJECT:
        return bm_profile_parse_subject(value, profile);
    case KEY_VALIDITY:
        return set_duration(value, INT64_C(100) * 365 * DAY, "validity is a duration as 365d, at most 100y", &profile->validity);
    case KEY_TICKET_LIFETIME:
        return set_duration(value, TICKET_LIFETIME_MAX, "ticket_lifetime is a duration as 5m, at most 1h", &profile->ticket_lifetime);
    case KEY_OFFLINE_TICKET_LIFETIME:
        return set_offline_lifetime(value, profile);
    case KEY_RENEW_EXPIRED:
        return set_renew_expired(value, profile);
    case KEY_COUNT:
        break;
    }
    return bm_fail(BM_E_INTERNAL, "no such key");
}

/* The defaults of what a profile may leave out. */
static void init_profile(bm_profile *profile)
{
    *profile = (bm_profile){.validity = INT64_C(365) * DAY, .ticket_lifetime = 300};
    profile->classes[BM_CLASS_DISCRETE] = true;
    profile->classes[BM_CLASS_FIRMWARE] = true;
    profile->ik_keys[BM_KEY_RSA2048] = true;
    profile->ik_keys[BM_KEY_RSA3072] = true;
    profile->ik_keys[BM_KEY_ECC256] = true;
    profile->ik_keys[BM_KEY_ECC384] = true;
}

/* The index of the profile of a section, made when it is new. */
static BM_RESULT find_profile(parser *p, bm_bytes name, size_t *index)
{
    bm_profile *profile;

    for (size_t i = 0; i < p->config->profile_count; i++)
        if (bm_bytes_equal(bm_bytes_str(p->config->profiles[i].name), name)) {
            *index = i;
            return bm_ok();
        }
    BM_CHECK(p->config->profile_count < BM_CONFIG_PROFILES_MAX, BM_E_CONFIG_INVALID, "there are more than 32 profiles");
    profile = &p->config->profiles[p->config->profile_count];
    init_profile(profile);
    BM_TRY(bm_bytes_copy_exact(name, (uint8_t *)profile->name, name.size));
    *index = p->config->profile_count++;
    return bm_ok();
}

/* The name in "profile NAME"; empty when the section is none of a profile. */
static bm_bytes profile_section(bm_bytes section)
{
    static const char prefix[] = "profile ";
    size_t size = sizeof(prefix) - 1;

    if (section.size <= size || !bm_bytes_equal(bm_bytes_slice(section, 0, size), bm_bytes_str(prefix)))
        return bm_bytes_of(NULL, 0);
    return bm_bytes_slice(section, size, section.size - size);
}

static BM_RESULT set_key(parser *p, const char *section, const char *key, bm_bytes value)
{
    bm_bytes name = profile_section(bm_bytes_str(section));
    size_t index;
    int word;

    BM_CHECK(section[0] != 0, BM_E_CONFIG_INVALID, "a key stands before the first section");
    if (bm_bytes_equal(bm_bytes_str(section), bm_bytes_str("server")))
        return bm_config_server_set(&p->server, key, value, p->config);
    BM_CHECK(bm_text_is_profile_name(name), BM_E_CONFIG_INVALID, "a section is [server] or [profile NAME]");
    word = word_of(bm_bytes_str(key), profile_keys, KEY_COUNT);
    BM_CHECK(word >= 0, BM_E_CONFIG_INVALID,
             "a profile has only the keys trust, classes, ik_keys, identity, subject, validity, ticket_lifetime, offline_ticket_lifetime, renew_expired");
    BM_TRY(find_profile(p, name, &index));
    BM_CHECK(!p->given[index][word], BM_E_CONFIG_INVALID, "this key is given twice");
    p->given[index][word] = true;
    return set_profile_key((profile_key)word, value, &p->config->profiles[index]);
}

/* Called by inih for each key; zero says that the line is wrong. */
static int handle(void *user, const char *section, const char *key, const char *value)
{
    parser *p = user;
    bm_result result = set_key(p, section, key, bm_bytes_str(value));

    if (result.code == BM_OK)
        return 1;
    if (p->failure.code == BM_OK) {
        (void)snprintf(p->reason, sizeof(p->reason), "%s", result.detail == NULL ? "not valid" : result.detail);
        p->failure = bm_fail(result.code, NULL);
    }
    return 0;
}

/* What inih passes over in silence: long lines, bytes that are no text, sections without keys. */
static BM_RESULT check_line(bm_bytes line)
{
    BM_CHECK(line.size <= LINE_MAX_SIZE, BM_E_CONFIG_INVALID, "the line is longer than 190 characters");
    for (size_t i = 0; i < line.size; i++)
        BM_CHECK(line.data[i] >= 0x20 || line.data[i] == '\t' || line.data[i] == '\r', BM_E_CONFIG_INVALID,
                 "the line has a control character");
    if (line.size > 0 && line.data[0] == '[') {
        size_t end = 1;
        bm_bytes section;

        while (end < line.size && line.data[end] != ']')
            end++;
        section = bm_bytes_slice(line, 1, end - 1);
        BM_CHECK(end < line.size && (bm_bytes_equal(section, bm_bytes_str("server")) ||
                                     bm_text_is_profile_name(profile_section(section))),
                 BM_E_CONFIG_INVALID, "a section is [server] or [profile NAME]");
    }
    return bm_ok();
}

static BM_RESULT check_lines(const char *name, bm_bytes text)
{
    size_t line = 1;

    while (text.size > 0) {
        size_t end = 0;
        bm_result result;

        while (end < text.size && text.data[end] != '\n')
            end++;
        result = check_line(bm_bytes_slice(text, 0, end));
        if (result.code != BM_OK)
            return bm_failf(BM_E_CONFIG_INVALID, "%s:%zu: %s", name, line, result.detail);
        text = end < text.size ? bm_bytes_slice(text, end + 1, text.size - end - 1) : bm_bytes_of(NULL, 0);
        line++;
    }
    return bm_ok();
}

static BM_RESULT check_complete(const char *name, const parser *p)
{
    static const profile_key needed[] = {KEY_TRUST, KEY_IDENTITY, KEY_SUBJECT};

    if (p->config->profile_count == 0)
        return bm_failf(BM_E_CONFIG_INVALID, "%s: there is no [profile NAME]", name);
    for (size_t i = 0; i < p->config->profile_count; i++) {
        const bm_profile *profile = &p->config->profiles[i];

        for (size_t k = 0; k < sizeof(needed) / sizeof(needed[0]); k++)
            if (!p->given[i][needed[k]])
                return bm_failf(BM_E_CONFIG_INVALID, "%s: [profile %s] has no %s", name, profile->name,
                                profile_keys[needed[k]]);
    }
    return bm_ok();
}

BM_RESULT bm_config_parse(const char *name, bm_bytes text, bm_config *config)
{
    BM_AUTO_BUF copy = BM_BUF_EMPTY;
    bm_config parsed = {0};
    parser p = {.config = &parsed};
    int line;

    bm_config_server_init(&parsed);
    if (text.size > BM_CONFIG_SIZE_MAX)
        return bm_failf(BM_E_CONFIG_INVALID, "%s: larger than %d bytes", name, BM_CONFIG_SIZE_MAX);
    BM_TRY(check_lines(name, text));
    BM_TRY(bm_buf_put(&copy, text));
    BM_TRY(bm_buf_terminate(&copy));
    line = ini_parse_string((const char *)copy.data, handle, &p);
    if (line < 0)
        return bm_fail(BM_E_NO_MEMORY, NULL);
    if (line > 0)
        return bm_failf(BM_E_CONFIG_INVALID, "%s:%d: %s", name, line,
                        p.failure.code == BM_OK ? "neither a section nor a key = value" : p.reason);
    BM_TRY(check_complete(name, &p));
    *config = parsed;
    return bm_ok();
}

const bm_profile *bm_config_profile(const bm_config *config, const char *name)
{
    for (size_t i = 0; i < config->profile_count; i++)
        if (bm_bytes_equal(bm_bytes_str(config->profiles[i].name), bm_bytes_str(name)))
            return &config->profiles[i];
    return NULL;
}

int64_t bm_config_ticket_lifetime(const bm_config *config)
{
    int64_t longest = 0;

    for (size_t i = 0; i < config->profile_count; i++)
        if (config->profiles[i].ticket_lifetime > longest)
            longest = config->profiles[i].ticket_lifetime;
    return longest;
}
