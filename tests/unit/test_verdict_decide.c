#include "unit.h"

#include "protocol/verdict.h"

#include <stdio.h>

/* One row of the decision table. */
typedef struct {
    bm_trust_rule trust;
    bm_identity_rule rule;
    const char *claimed;
    bm_verdict_record record;
    bm_code code;
    const char *identity;
} decision;

static void the_decision_table(void **state)
{
    static const decision rows[] = {
        /* a claim on a free name, and again */
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_CLAIM, "A", {0}, BM_OK, "A"},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_CLAIM, "A", {.known = true, .identity = "A"}, BM_OK, "A"},
        /* somebody else's name, and a second name */
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_CLAIM, "A", {.claim_taken = true}, BM_E_IDENTITY_TAKEN, NULL},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_CLAIM, "B", {.known = true, .identity = "A"}, BM_E_IDENTITY_MISMATCH, NULL},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_CLAIM, "B", {.known = true, .identity = "A", .claim_taken = true}, BM_E_IDENTITY_MISMATCH, NULL},
        /* retired, whatever the rule */
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_CLAIM, "A", {.known = true, .retired = true, .identity = "A"}, BM_E_DEVICE_RETIRED, NULL},
        {BM_TRUST_INVENTORY, BM_IDENTITY_INVENTORY, "A", {.known = true, .in_inventory = true, .retired = true, .identity = "A"},
         BM_E_DEVICE_RETIRED, NULL},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_EK, "ek-1", {.known = true, .retired = true}, BM_E_DEVICE_RETIRED, NULL},
        /* the inventory vouches, and a claim that is no inventory row does not */
        {BM_TRUST_INVENTORY, BM_IDENTITY_CLAIM, "A", {0}, BM_E_EK_NOT_IN_INVENTORY, NULL},
        {BM_TRUST_BOTH, BM_IDENTITY_CLAIM, "A", {.known = true, .identity = "A"}, BM_E_EK_NOT_IN_INVENTORY, NULL},
        {BM_TRUST_BOTH, BM_IDENTITY_CLAIM, "A", {.known = true, .in_inventory = true}, BM_OK, "A"},
        /* the row's name */
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_INVENTORY, "A", {.known = true, .in_inventory = true, .identity = "A"}, BM_OK, "A"},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_INVENTORY, "", {.known = true, .in_inventory = true, .identity = "A"}, BM_OK, "A"},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_INVENTORY, "B", {.known = true, .in_inventory = true, .identity = "A"}, BM_E_IDENTITY_MISMATCH,
         NULL},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_INVENTORY, "A", {.known = true, .in_inventory = true}, BM_E_EK_NOT_IN_INVENTORY, NULL},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_INVENTORY, "A", {.known = true, .identity = "A"}, BM_E_EK_NOT_IN_INVENTORY, NULL},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_INVENTORY, "A", {0}, BM_E_EK_NOT_IN_INVENTORY, NULL},
        /* a name that derives from the EK, unless it has one */
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_EK, "ek-1", {0}, BM_OK, "ek-1"},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_EK, "ek-1", {.known = true, .in_inventory = true, .identity = "A"}, BM_OK, "A"},
        {BM_TRUST_CERTIFICATE, BM_IDENTITY_EK, "ek-1", {.claim_taken = true}, BM_E_IDENTITY_TAKEN, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bm_subject subject = {0};
        bm_profile profile = {.name = "default", .trust = rows[i].trust, .identity = rows[i].rule};
        char identity[BM_IDENTITY_MAX + 1] = "";
        bm_result result;

        (void)snprintf(subject.claimed, sizeof(subject.claimed), "%s", rows[i].claimed);
        result = bm_verdict_decide(&subject, &profile, &rows[i].record, identity);
        if (result.code != rows[i].code)
            fail_msg("row %zu: %s, expected %s", i, bm_code_name(result.code), bm_code_name(rows[i].code));
        assert_string_equal(identity, rows[i].identity == NULL ? "" : rows[i].identity);
    }
}

/* The name that derives from an EK is that EK's before it comes: with a profile of the rule `claim` nobody else gets it. */
static void a_name_that_derives_from_another_ek_cannot_be_claimed(void **state)
{
    static const struct {
        const char *claimed;
        bm_code code;
    } rows[] = {
        {"ek-1111111111111111111111111111111111111111", BM_E_IDENTITY_TAKEN},
        {"EK-ABCDEF1111111111111111111111111111111111", BM_E_IDENTITY_TAKEN},
        {"ek-abababababababababababababababababababab", BM_OK}, /* its own */
        {"EK-ABABABABABABABABABABABABABABABABABABABAB", BM_E_IDENTITY_TAKEN},
        {"ek-111111111111111111111111111111111111111", BM_OK}, /* a digit too few, and one that is none: serial numbers like others */
        {"ek-111111111111111111111111111111111111111g", BM_OK},
        {"ek-7", BM_OK},
    };
    const bm_profile profile = {.name = "default", .trust = BM_TRUST_CERTIFICATE, .identity = BM_IDENTITY_CLAIM};
    const bm_verdict_record unknown = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bm_subject subject = {0};
        char identity[BM_IDENTITY_MAX + 1];
        bm_result result;

        for (size_t k = 0; k < sizeof(subject.ek_sha256); k++)
            subject.ek_sha256[k] = 0xAB;
        (void)snprintf(subject.claimed, sizeof(subject.claimed), "%s", rows[i].claimed);
        result = bm_verdict_decide(&subject, &profile, &unknown, identity);
        if (result.code != rows[i].code)
            fail_msg("%s: %s, expected %s", rows[i].claimed, bm_code_name(result.code), bm_code_name(rows[i].code));
    }
}

/* Whether a device whose certificates have ended may renew; times are seconds after the end of the last one. */
static void the_profile_says_how_long_after_its_end_a_device_may_renew(void **state)
{
    enum { END = 1000000, ALWAYS = -1 };
    static const struct {
        int64_t rule; /* seconds, or ALWAYS */
        bm_verdict_record record;
        int64_t now;
        bm_code code;
    } rows[] = {
        /* never: until the second in which it ends */
        {0, {.known = true, .last_expiry = END}, END - 1, BM_OK},
        {0, {.known = true, .last_expiry = END}, END, BM_OK},
        {0, {.known = true, .last_expiry = END}, END + 1, BM_E_RENEWAL_EXPIRED},
        {0, {.known = true, .last_expiry = END, .admitted = 7}, INT64_MAX, BM_E_RENEWAL_EXPIRED},
        /* so long, and not longer */
        {60, {.known = true, .last_expiry = END, .admitted = END - 1}, END + 60, BM_OK},
        {60, {.known = true, .last_expiry = END, .admitted = END - 1}, END + 61, BM_E_RENEWAL_EXPIRED},
        {60, {.known = true, .last_expiry = END}, INT64_MAX, BM_E_RENEWAL_EXPIRED},
        {60, {.known = true, .last_expiry = INT64_MAX}, 0, BM_OK},
        /* an operator's act after the end lets it in, for as long as it has no other certificate */
        {0, {.known = true, .last_expiry = END, .admitted = END}, END + 999999, BM_OK},
        {60, {.known = true, .last_expiry = END, .admitted = END + 500}, END + 999999, BM_OK},
        /* it never had one; nobody knows it; always */
        {0, {.known = true}, END, BM_OK},
        {0, {.known = false, .last_expiry = END}, END + 1, BM_OK},
        {ALWAYS, {.known = true, .last_expiry = END}, INT64_MAX, BM_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bm_profile profile = {.lapses = rows[i].rule != ALWAYS, .renew_expired = rows[i].rule == ALWAYS ? 0 : rows[i].rule};
        bm_result result = bm_verdict_renewal(&profile, &rows[i].record, rows[i].now);

        if (result.code != rows[i].code)
            fail_msg("row %zu: %s, expected %s", i, bm_code_name(result.code), bm_code_name(rows[i].code));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_decision_table),
        cmocka_unit_test(a_name_that_derives_from_another_ek_cannot_be_claimed),
        cmocka_unit_test(the_profile_says_how_long_after_its_end_a_device_may_renew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
