#include "device/doctor/system.h"

#include "base/text.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The path in "device:/dev/tpmrm0" or "device"; NULL for other TCTIs. */
static const char *node_of(const char *tcti)
{
    static const char loader[] = "libtss2-tcti-";
    size_t length;

    if (strncmp(tcti, loader, sizeof(loader) - 1) == 0)
        tcti += sizeof(loader) - 1;
    length = strcspn(tcti, ":.");
    if (length != 6 || strncmp(tcti, "device", length) != 0)
        return NULL;
    tcti = strchr(tcti, ':');
    return tcti == NULL || tcti[1] == 0 ? "/dev/tpmrm0" : tcti + 1;
}

static void node_is_missing(bm_findings *findings, const char *path)
{
    static const char *const others[] = {"/dev/tpmrm0", "/dev/tpm0"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(path, others[i]) != 0 && access(others[i], F_OK) == 0) {
            bm_findings_add(findings, BM_FINDING_PROBLEM, "device-node", "%s is not there, but %s is: give --tcti device:%s", path, others[i],
                            others[i]);
            return;
        }
    bm_findings_add(findings, BM_FINDING_PROBLEM, "device-node",
                    "%s is not there: the kernel found no TPM. Enable the TPM in the firmware's set-up, and see what 'dmesg' says of tpm", path);
}

static void node_is_forbidden(bm_findings *findings, const char *path, const struct stat *info)
{
    const struct group *group = getgrgid(info->st_gid);
    bool helps = group != NULL && info->st_gid != 0 && (info->st_mode & (S_IRGRP | S_IWGRP)) == (S_IRGRP | S_IWGRP);

    if (helps)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "device-node",
                        "%s may not be read and written: run birthmark as root, or put its user into the group %s", path, group->gr_name);
    else
        bm_findings_add(findings, BM_FINDING_PROBLEM, "device-node",
                        "%s may not be read and written: run birthmark as root, or permit a group to use it (a udev rule)", path);
}

void bm_doctor_system_node(bm_findings *findings, const char *tcti)
{
    const char *path = node_of(tcti);
    struct stat info;

    if (path == NULL) {
        bm_findings_add(findings, BM_FINDING_OK, "device-node", "none is used: the TPM is reached by %s", tcti);
        return;
    }
    if (stat(path, &info) != 0) {
        if (errno == ENOENT)
            node_is_missing(findings, path);
        else
            bm_findings_add(findings, BM_FINDING_PROBLEM, "device-node", "%s cannot be looked at (%s): check the path", path, strerror(errno));
        return;
    }
    if (!S_ISCHR(info.st_mode))
        bm_findings_add(findings, BM_FINDING_PROBLEM, "device-node", "%s is no device: check --tcti", path);
    else if (access(path, R_OK | W_OK) != 0)
        node_is_forbidden(findings, path, &info);
    else
        bm_findings_add(findings, BM_FINDING_OK, "device-node", "%s may be read and written", path);
}

void bm_doctor_system_clock(bm_findings *findings, int64_t newest)
{
    int64_t now = (int64_t)time(NULL);
    char text[BM_TIME_TEXT_SIZE];
    char newest_text[BM_TIME_TEXT_SIZE];

    bm_text_time(now, text);
    bm_text_time(newest, newest_text);
    if (now < newest)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "clock",
                        "this machine's clock says %s, before a certificate of its TPM was made (%s): set the clock", text, newest_text);
    else
        bm_findings_add(findings, BM_FINDING_OK, "clock", "%s by this machine's clock%s", text,
                        newest == 0 ? "; no certificate to compare it with" : ", after the TPM's certificates were made");
}

/* The directory above, or "." for a name alone. */
static void parent_of(const char *path, char parent[PATH_MAX])
{
    size_t length = strlen(path);
    size_t cut;

    while (length > 1 && path[length - 1] == '/')
        length--;
    cut = length;
    while (cut > 0 && path[cut - 1] != '/')
        cut--;
    if (cut == 0)
        (void)snprintf(parent, PATH_MAX, ".");
    else
        (void)snprintf(parent, PATH_MAX, "%.*s", (int)(cut > 1 ? cut - 1 : cut), path);
}

static void find_directory(bm_findings *findings, const char *path)
{
    char parent[PATH_MAX];
    struct stat info;

    if (stat(path, &info) == 0) {
        if (!S_ISDIR(info.st_mode))
            bm_findings_add(findings, BM_FINDING_PROBLEM, "state", "%s is no directory: give another --state", path);
        else if (access(path, R_OK | W_OK | X_OK) != 0)
            bm_findings_add(findings, BM_FINDING_PROBLEM, "state", "%s cannot be written: run birthmark as its owner, or give another --state",
                            path);
        else
            bm_findings_add(findings, BM_FINDING_OK, "state", "%s can be written", path);
        return;
    }
    parent_of(path, parent);
    if (access(parent, W_OK | X_OK) != 0)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "state", "%s is not there and cannot be made, because %s %s: make it, or give another --state",
                        path, parent, errno == ENOENT ? "is not there either" : "cannot be written");
    else
        bm_findings_add(findings, BM_FINDING_OK, "state", "%s is not there yet: enroll makes it", path);
}

/* `ik` is NULL where the TPM could not be asked: then the certificate is not compared with a key. */
static void find_identity(bm_findings *findings, const bm_doctor_options *options, const bm_identity_state *state, const bm_pubkey *ik)
{
    int64_t now = (int64_t)time(NULL);
    char until[BM_TIME_TEXT_SIZE];
    char renew[BM_TIME_TEXT_SIZE];

    bm_text_time(state->info.not_after, until);
    bm_text_time(state->renew_after, renew);
    if (state->key.type == BM_KEY_NONE)
        bm_findings_add(findings, BM_FINDING_OK, "identity", "none yet in %s", options->state);
    else if (ik != NULL && (ik->type == BM_KEY_NONE || !bm_pubkey_equal(ik, &state->key)))
        bm_findings_add(findings, BM_FINDING_WARNING, "identity",
                        "the certificate of %s is not for the key at 0x%08x: it is for another --handle, or the TPM was cleared; run 'birthmark "
                        "enroll'",
                        state->info.subject, options->handle);
    else if (now > state->info.not_after)
        bm_findings_add(findings, BM_FINDING_WARNING, "identity", "the certificate of %s ended at %s: run 'birthmark renew'", state->info.subject,
                        until);
    else if (now < state->info.not_before)
        bm_findings_add(findings, BM_FINDING_PROBLEM, "identity", "the certificate of %s is not valid yet: set this machine's clock",
                        state->info.subject);
    else if (!bm_identity_is_current(state, ik != NULL ? ik : &state->key, now))
        bm_findings_add(findings, BM_FINDING_WARNING, "identity", "the certificate of %s is due for renewal: run 'birthmark renew'",
                        state->info.subject);
    else
        bm_findings_add(findings, BM_FINDING_OK, "identity", "%s, valid until %s, renewed after %s%s", state->info.subject, until, renew,
                        ik != NULL ? "" : "; whether its key is in the TPM was not looked at");
}

BM_RESULT bm_doctor_system_state(bm_findings *findings, const bm_doctor_options *options, const bm_pubkey *ik,
                                 bm_identity_state *state)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_result result;

    find_directory(findings, options->state);
    result = bm_identity_open_to_read(options->state, &identity);
    if (result.code == BM_OK)
        result = bm_identity_look(&identity, state);
    if (result.code != BM_OK)
        return bm_findings_add_failure(findings, "identity", result);
    find_identity(findings, options, state, ik);
    return bm_ok();
}
