#include "server/monitor_user.h"

#include "base/text.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static BM_RESULT find(const char *name, struct passwd *user, char *space, size_t size)
{
    struct passwd *found = NULL;
    uint64_t number;
    int rc = getpwnam_r(name, user, space, size, &found);

    if (found == NULL && bm_text_parse_u64(bm_bytes_str(name), UINT32_MAX - 1, &number).code == BM_OK)
        rc = getpwuid_r((uid_t)number, user, space, size, &found);
    if (found == NULL)
        return bm_failf(BM_E_USAGE, "--user: there is no user '%s'%s%s", name, rc != 0 ? ": " : "; adduser --system makes one",
                        rc != 0 ? strerror(rc) : "");
    return bm_ok();
}

BM_RESULT bm_monitor_user_become(const char *name)
{
    char space[4096];
    struct passwd user;

    BM_TRY(find(name, &user, space, sizeof(space)));
    if (user.pw_uid == getuid() && user.pw_uid == geteuid())
        return bm_ok();
    if (geteuid() != 0)
        return bm_failf(BM_E_IO, "--user %s: only root can become another user; start birthmarkd as %s", name, name);
    if (initgroups(user.pw_name, user.pw_gid) != 0 || setresgid(user.pw_gid, user.pw_gid, user.pw_gid) != 0 ||
        setresuid(user.pw_uid, user.pw_uid, user.pw_uid) != 0)
        return bm_failf(BM_E_IO, "--user %s: %s", name, strerror(errno));
    if (setuid(0) == 0)
        return bm_failf(BM_E_INTERNAL, "--user %s: root's rights came back", name);
    return bm_ok();
}
