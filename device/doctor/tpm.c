#include "device/doctor/tpm.h"

#include "device/tpm/auth.h"

#include <stdio.h>

#define INFINEON 0x49465800u /* "IFX" */

static const struct {
    const char *name;
    const char *option;
    uint32_t set; /* in TPMA_PERMANENT */
    const char *needed_for;
} hierarchies[] = {
    [BM_TPM_OWNER] = {"owner-auth", "--owner-auth", TPMA_PERMANENT_OWNERAUTHSET, "make or replace an identity key"},
    [BM_TPM_ENDORSEMENT] = {"endorsement-auth", "--endorsement-auth", TPMA_PERMANENT_ENDORSEMENTAUTHSET,
                            "recreate the EK and to open the server's challenge"},
};

/* Four characters of a property; what does not print becomes a '?', and NULs are left out. */
static void put_word(uint32_t value, char **at)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        char c = (char)(value >> shift & 0xFF);

        if (c != 0)
            *(*at)++ = c >= 0x20 && c < 0x7F ? c : '?';
    }
    **at = 0;
}

bool bm_doctor_tpm_is_roca_firmware(uint32_t manufacturer, uint32_t version)
{
    uint32_t major = version >> 16;
    uint32_t minor = version & 0xFFFF;

    if (manufacturer != INFINEON)
        return false;
    return (major == 5 && minor <= 61) || (major == 6 && minor <= 42) || (major == 7 && minor <= 61);
}

static BM_RESULT find_make(bm_findings *findings, bm_tpm_context *tpm)
{
    char maker[5];
    char model[17];
    char *at = maker;
    uint32_t manufacturer, version, build, revision;

    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_MANUFACTURER, &manufacturer));
    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_FIRMWARE_VERSION_1, &version));
    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_FIRMWARE_VERSION_2, &build));
    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_REVISION, &revision));
    put_word(manufacturer, &at);
    at = model;
    model[0] = 0;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t word;
        bm_result result = bm_tpm_context_property(tpm, TPM2_PT_VENDOR_STRING_1 + i, &word);

        /* A short vendor string needs fewer properties. */
        if (result.code == BM_OK)
            put_word(word, &at);
        else if (result.code != BM_E_TPM_RESPONSE)
            return result;
    }
    bm_findings_add(findings, BM_FINDING_OK, "tpm", "%s %s, TPM 2.0 revision %u.%02u, by %s", maker, model, revision / 100, revision % 100,
                    tpm->conf);
    if (bm_doctor_tpm_is_roca_firmware(manufacturer, version))
        bm_findings_add(findings, BM_FINDING_WARNING, "firmware",
                        "%u.%u makes RSA keys that can be factored (CVE-2017-15361, ROCA): update it, and until then use --key ecc256 and an ECC EK",
                        version >> 16, version & 0xFFFF);
    else
        bm_findings_add(findings, BM_FINDING_OK, "firmware", "%u.%u (0x%08x 0x%08x)", version >> 16, version & 0xFFFF, version, build);
    return bm_ok();
}

static void find_manager(bm_findings *findings, const bm_tpm_context *tpm)
{
    if (tpm->managed)
        bm_findings_add(findings, BM_FINDING_OK, "resource-manager", "programs can use the TPM at the same time");
    else
        bm_findings_add(findings, BM_FINDING_OK, "resource-manager",
                        "none: one program at a time; what a program that died left loaded stays until it is flushed");
}

/* A signing key of so many bits, or on that curve. */
static BM_RESULT can_make(bm_tpm_context *tpm, TPMI_ALG_PUBLIC type, uint16_t size, bool *can)
{
    TPMT_PUBLIC_PARMS parms = {.type = type};
    TSS2_RC rc;

    if (type == TPM2_ALG_RSA) {
        parms.parameters.rsaDetail.symmetric.algorithm = TPM2_ALG_NULL;
        parms.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
        parms.parameters.rsaDetail.keyBits = size;
    } else {
        parms.parameters.eccDetail.symmetric.algorithm = TPM2_ALG_NULL;
        parms.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
        parms.parameters.eccDetail.curveID = size;
        parms.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
    }
    BM_TPM_CALL(tpm, rc, Esys_TestParms(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &parms));
    *can = rc == TSS2_RC_SUCCESS;
    /* A format-one code is the answer "no". */
    if (*can || (bm_tpm_context_code(rc) & TPM2_RC_FMT1) != 0)
        return bm_ok();
    return bm_tpm_context_result("TPM2_TestParms", rc);
}

static BM_RESULT find_algorithms(bm_findings *findings, bm_tpm_context *tpm)
{
    static const struct {
        const char *name;
        TPMI_ALG_PUBLIC type;
        uint16_t size; /* bits of RSA, or the curve */
        bool for_ik;
    } kinds[] = {
        {"rsa2048", TPM2_ALG_RSA, 2048, true},
        {"rsa3072", TPM2_ALG_RSA, 3072, true},
        {"rsa4096", TPM2_ALG_RSA, 4096, false},
        {"ecc256", TPM2_ALG_ECC, TPM2_ECC_NIST_P256, true},
        {"ecc384", TPM2_ALG_ECC, TPM2_ECC_NIST_P384, true},
        {"ecc521", TPM2_ALG_ECC, TPM2_ECC_NIST_P521, false},
    };
    BM_AUTO_BUF all = BM_BUF_EMPTY;
    BM_AUTO_BUF for_ik = BM_BUF_EMPTY;
    bool can_parent = false;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        bool can;

        BM_TRY(can_make(tpm, kinds[i].type, kinds[i].size, &can));
        if (can)
            BM_TRY(bm_buf_putf(&all, "%s%s", all.size > 0 ? " " : "", kinds[i].name));
        if (can && kinds[i].for_ik)
            BM_TRY(bm_buf_putf(&for_ik, "%s%s", for_ik.size > 0 ? " " : "", kinds[i].name));
        can_parent = can_parent || (can && kinds[i].size == TPM2_ECC_NIST_P256);
    }
    if (!can_parent)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "algorithms", "%.*s: an identity key needs P-256, for its parent: this TPM cannot be used",
                        (int)all.size, (const char *)all.data);
    else
        bm_findings_add(findings, BM_FINDING_OK, "algorithms", "keys of %.*s; for --key: %.*s", (int)all.size, (const char *)all.data,
                        (int)for_ik.size, (const char *)for_ik.data);
    return bm_ok();
}

static BM_RESULT find_hierarchies(bm_findings *findings, bm_tpm_context *tpm)
{
    uint32_t startup;

    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_STARTUP_CLEAR, &startup));
    if ((startup & TPMA_STARTUP_CLEAR_EHENABLE) == 0)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "hierarchies",
                        "the endorsement hierarchy is disabled, so there is no EK: enable it in the firmware's set-up");
    else if ((startup & TPMA_STARTUP_CLEAR_SHENABLE) == 0)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "hierarchies",
                        "the owner hierarchy is disabled, so there can be no identity key: enable it in the firmware's set-up");
    else
        bm_findings_add(findings, BM_FINDING_OK, "hierarchies", "owner and endorsement are enabled");
    return bm_ok();
}

static BM_RESULT find_lockout(bm_findings *findings, bm_tpm_context *tpm, uint32_t permanent)
{
    uint32_t counter, most, interval;

    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_LOCKOUT_COUNTER, &counter));
    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_MAX_AUTH_FAIL, &most));
    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_LOCKOUT_INTERVAL, &interval));
    bm_findings_add(findings, BM_FINDING_OK, "lockout-auth", "the lockout's authorisation value is %sset (birthmark never needs it)",
                    (permanent & TPMA_PERMANENT_LOCKOUTAUTHSET) != 0 ? "" : "not ");
    if ((permanent & TPMA_PERMANENT_INLOCKOUT) != 0)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "lockout",
                        "the TPM is in dictionary-attack lockout (%u failures, %u are allowed): find the program that tries a wrong value; one "
                        "failure is forgotten every %u seconds, or end it with 'tpm2_dictionarylockout -c'",
                        counter, most, interval);
    else if (counter > 0)
        bm_findings_add(findings, BM_FINDING_WARNING, "lockout",
                        "%u failed authorisations of %u before lockout: find the program that tries a wrong value; one is forgotten every %u seconds",
                        counter, most, interval);
    else
        bm_findings_add(findings, BM_FINDING_OK, "lockout", "no failed authorisations, %u are allowed", most);
    return bm_ok();
}

/* With a resource manager what others have loaded is swapped out. */
static BM_RESULT find_room(bm_findings *findings, bm_tpm_context *tpm)
{
    uint32_t objects, loaded, active;

    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_HR_TRANSIENT_AVAIL, &objects));
    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_HR_LOADED_AVAIL, &loaded));
    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_HR_ACTIVE_AVAIL, &active));
    if (objects < 2 && !tpm->managed)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "objects",
                        "%u slots for loaded keys are free, and an enrolment needs two: end the programs that hold keys, or 'tpm2_flushcontext -t'",
                        objects);
    else
        bm_findings_add(findings, BM_FINDING_OK, "objects", "%u slots for loaded keys are free", objects);
    if ((loaded < 1 && !tpm->managed) || active < 1)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "sessions",
                        "no slot for a session is free: end the programs that hold sessions, or 'tpm2_flushcontext -l'");
    else
        bm_findings_add(findings, BM_FINDING_OK, "sessions", "%u slots for loaded sessions are free, %u for all", loaded, active);
    return bm_ok();
}

BM_RESULT bm_doctor_tpm_find(bm_findings *findings, bm_tpm_context *tpm, bm_doctor_tpm *seen)
{
    uint32_t permanent;

    BM_TRY(find_make(findings, tpm));
    find_manager(findings, tpm);
    BM_TRY(find_algorithms(findings, tpm));
    BM_TRY(find_hierarchies(findings, tpm));
    BM_TRY(bm_tpm_context_property(tpm, TPM2_PT_PERMANENT, &permanent));
    for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++)
        seen->auth_set[i] = (permanent & hierarchies[i].set) != 0;
    BM_TRY(find_lockout(findings, tpm, permanent));
    return find_room(findings, tpm);
}

void bm_doctor_tpm_auth(bm_findings *findings, const bm_tpm_context *tpm, const bm_doctor_tpm *seen)
{
    for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++) {
        const bm_tpm_auth_value *auth = &tpm->auth[i];
        const char *name = hierarchies[i].name;
        const char *option = hierarchies[i].option;

        if (auth->refused)
            bm_findings_add(findings, BM_FINDING_PROBLEM, name, "the TPM refused the value of %s; it was tried once", option);
        else if (seen->auth_set[i] && auth->value.size == 0)
            bm_findings_add(findings, BM_FINDING_WARNING, name, "set: to %s, give it with %s file:PATH or env:NAME", hierarchies[i].needed_for,
                            option);
        else if (!seen->auth_set[i] && auth->value.size > 0)
            bm_findings_add(findings, BM_FINDING_PROBLEM, name, "not set: leave out %s, or enroll sends a value that the TPM refuses", option);
        else if (seen->auth_set[i])
            bm_findings_add(findings, BM_FINDING_OK, name, "set, and %s gives a value", option);
        else
            bm_findings_add(findings, BM_FINDING_OK, name, "not set");
    }
}
