#include "device/identity/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 64

static const char next_name[] = ".next";
static const char last_name[] = ".last";
static const char use_name[] = ".use";
static const char old_name[] = ".old";

static bm_result io_error(const bm_identity *identity, const char *name, const char *what)
{
    return bm_failf(BM_E_IO, "%s/%s %s (%s): check --state, the permissions and the space on the disk", identity->path, name, what, strerror(errno));
}

static void path_in(const char *directory, const char *name, char path[NAME_SIZE])
{
    (void)snprintf(path, NAME_SIZE, "%s/%s", directory, name);
}

/* The name under which a file, or a link, is made before it takes its place. */
static void draft_of(const char *name, char draft[NAME_SIZE])
{
    (void)snprintf(draft, NAME_SIZE, ".%s.new", name[0] == '.' ? name + 1 : name);
}

static BM_RESULT sync_all(const bm_identity *identity)
{
    return fsync(identity->fd) == 0 ? bm_ok() : io_error(identity, "", "cannot be synced");
}

static BM_RESULT open_inside(const bm_identity *identity, const char *name, bm_identity *opened)
{
    bm_identity made = {.path = identity->path, .fd = openat(identity->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), .lock = -1};

    if (made.fd < 0 && errno != ENOENT)
        return io_error(identity, name, "cannot be opened");
    *opened = made;
    return bm_ok();
}

static BM_RESULT remove_file(const bm_identity *identity, const char *directory, const char *name)
{
    char path[NAME_SIZE];

    path_in(directory, name, path);
    if (unlinkat(identity->fd, path, 0) != 0 && errno != ENOENT)
        return io_error(identity, path, "cannot be removed");
    return bm_ok();
}

/* Removes the files of an identity from a directory inside; `spared` stays. */
static BM_RESULT empty(const bm_identity *identity, const char *directory, const char *spared)
{
    const char *name;

    for (size_t i = 0; (name = bm_identity_file(i)) != NULL; i++) {
        char draft[NAME_SIZE];

        draft_of(name, draft);
        BM_TRY(remove_file(identity, directory, draft));
        if (spared == NULL || strcmp(name, spared) != 0)
            BM_TRY(remove_file(identity, directory, name));
    }
    return bm_ok();
}

static BM_RESULT remove_directory(const bm_identity *identity, const char *directory)
{
    BM_TRY(empty(identity, directory, NULL));
    if (unlinkat(identity->fd, directory, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return io_error(identity, directory, "cannot be removed");
    return bm_ok();
}

BM_RESULT bm_identity_swap_stage(const bm_identity *identity, bm_identity *next)
{
    BM_AUTO(bm_identity_close) bm_identity made = BM_IDENTITY_CLOSED;

    if (mkdirat(identity->fd, next_name, 0755) != 0 && errno != EEXIST)
        return io_error(identity, next_name, "cannot be made");
    BM_TRY(open_inside(identity, next_name, &made));
    /* Those who read the identity read it here, between steps 3 and 4. */
    if (made.fd < 0 || fchmod(made.fd, 0755) != 0)
        return io_error(identity, next_name, "cannot be opened");
    BM_TRY(sync_all(identity));
    *next = made;
    made.fd = -1;
    return bm_ok();
}

/* Step 1: .last. A file that is not there, is not there either. */
static BM_RESULT keep_last(const bm_identity *identity)
{
    BM_AUTO(bm_identity_close) bm_identity last = BM_IDENTITY_CLOSED;
    const char *name;

    BM_TRY(remove_directory(identity, last_name));
    if (mkdirat(identity->fd, last_name, 0755) != 0)
        return io_error(identity, last_name, "cannot be made");
    BM_TRY(open_inside(identity, last_name, &last));
    for (size_t i = 0; (name = bm_identity_file(i)) != NULL; i++)
        if (linkat(identity->fd, name, last.fd, name, AT_SYMLINK_FOLLOW) != 0 && errno != ENOENT)
            return io_error(identity, name, "cannot be linked");
    if (fchmod(last.fd, 0755) != 0)
        return io_error(identity, last_name, "cannot be opened");
    return sync_all(&last);
}

/* Makes a symbolic link in the place of whatever has the name. */
static BM_RESULT link_to(const bm_identity *identity, const char *target, const char *name)
{
    char draft[NAME_SIZE];

    draft_of(name, draft);
    if (unlinkat(identity->fd, draft, 0) != 0 && errno != ENOENT)
        return io_error(identity, draft, "cannot be removed");
    if (symlinkat(target, identity->fd, draft) != 0 || renameat(identity->fd, draft, identity->fd, name) != 0)
        return io_error(identity, name, "cannot be replaced by a symbolic link");
    return bm_ok();
}

static void link_text(const char *name, char target[NAME_SIZE])
{
    path_in(use_name, name, target);
}

/* What a symbolic link says; false when the name is none. */
static bool read_link(const bm_identity *identity, const char *name, char target[NAME_SIZE])
{
    ssize_t size = readlinkat(identity->fd, name, target, NAME_SIZE - 1);

    if (size < 0)
        return false;
    target[size] = 0;
    return true;
}

/* Step 2. */
static BM_RESULT link_files(const bm_identity *identity)
{
    const char *name;

    for (size_t i = 0; (name = bm_identity_file(i)) != NULL; i++) {
        char target[NAME_SIZE];

        link_text(name, target);
        BM_TRY(link_to(identity, target, name));
    }
    return sync_all(identity);
}

/* Step 4, for one file, or its reverse: the file itself, in the place of the link to it. Links of others stay. */
static BM_RESULT place(const bm_identity *identity, const char *from, const char *name)
{
    char path[NAME_SIZE];
    char draft[NAME_SIZE];
    char ours[NAME_SIZE];
    char target[NAME_SIZE];

    draft_of(name, draft);
    if (read_link(identity, draft, target) && unlinkat(identity->fd, draft, 0) != 0)
        return io_error(identity, draft, "cannot be removed");
    link_text(name, ours);
    if (!read_link(identity, name, target) || strcmp(target, ours) != 0)
        return bm_ok();
    path_in(from, name, path);
    if (renameat(identity->fd, path, identity->fd, name) == 0)
        return bm_ok();
    /* This identity does not have it. */
    if (errno != ENOENT || unlinkat(identity->fd, name, 0) != 0)
        return io_error(identity, name, "cannot be replaced");
    return bm_ok();
}

/* Steps 4 and 5; or, from .last, back. */
static BM_RESULT finish(const bm_identity *identity, const char *from)
{
    bool forward = strcmp(from, next_name) == 0;
    const char *name;

    for (size_t i = 0; (name = bm_identity_file(i)) != NULL; i++)
        BM_TRY(place(identity, from, name));
    BM_TRY(sync_all(identity));
    /* Where an earlier run came this far there is an .old, and no .last any more. */
    if (forward && renameat(identity->fd, last_name, identity->fd, old_name) != 0 && errno != ENOENT)
        return io_error(identity, last_name, "cannot be renamed");
    BM_TRY(remove_directory(identity, from));
    BM_TRY(sync_all(identity));
    if (unlinkat(identity->fd, use_name, 0) != 0)
        return io_error(identity, use_name, "cannot be removed");
    return sync_all(identity);
}

static BM_RESULT change(const bm_identity *identity)
{
    BM_TRY(keep_last(identity));
    BM_TRY(link_to(identity, last_name, use_name));
    BM_TRY(sync_all(identity));
    BM_TRY(link_files(identity));
    BM_TRY(link_to(identity, next_name, use_name));
    return sync_all(identity);
}

BM_RESULT bm_identity_swap_commit(bm_identity *identity)
{
    BM_AUTO_BUF reason = BM_BUF_EMPTY;
    bm_result result = change(identity);
    bool completed;

    if (result.code == BM_OK)
        return finish(identity, next_name);
    /* The reason is kept, whatever comes of the way back. */
    BM_TRY(bm_buf_put_str(&reason, result.detail));
    BM_TRY(bm_buf_terminate(&reason));
    bm_result_ignore(bm_identity_swap_recover(identity, &completed));
    return bm_failf(result.code, "%s", (const char *)reason.data);
}

BM_RESULT bm_identity_swap_recover(bm_identity *identity, bool *completed)
{
    char target[NAME_SIZE];
    char draft[NAME_SIZE];

    *completed = false;
    draft_of(use_name, draft);
    if (unlinkat(identity->fd, draft, 0) != 0 && errno != ENOENT)
        return io_error(identity, draft, "cannot be removed");
    if (!read_link(identity, use_name, target)) {
        BM_CHECK(errno == ENOENT || errno == EINVAL, BM_E_IO, "the state directory cannot be read: check --state and its permissions");
        return remove_directory(identity, last_name);
    }
    if (strcmp(target, next_name) != 0 && strcmp(target, last_name) != 0)
        return bm_failf(BM_E_IO, "%s/%s is no link of this program: remove it, or check --state", identity->path, use_name);
    BM_TRY(finish(identity, strcmp(target, next_name) == 0 ? next_name : last_name));
    *completed = strcmp(target, next_name) == 0;
    return bm_ok();
}

bool bm_identity_swap_has_left(const bm_identity *identity)
{
    char path[NAME_SIZE];

    path_in(next_name, "key.uri", path);
    return faccessat(identity->fd, old_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || faccessat(identity->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

BM_RESULT bm_identity_swap_open_old(const bm_identity *identity, bm_identity *old)
{
    return open_inside(identity, old_name, old);
}

BM_RESULT bm_identity_swap_open_next(const bm_identity *identity, bm_identity *next)
{
    return open_inside(identity, next_name, next);
}

BM_RESULT bm_identity_swap_forget_old(bm_identity *identity)
{
    BM_TRY(remove_directory(identity, old_name));
    return sync_all(identity);
}

BM_RESULT bm_identity_swap_forget_next(bm_identity *identity)
{
    BM_TRY(empty(identity, next_name, "device.key"));
    return sync_all(identity);
}

BM_RESULT bm_identity_swap_forget_key(const bm_identity *identity)
{
    return remove_file(identity, next_name, "device.key");
}
