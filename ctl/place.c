#include "ctl/place.h"

#include "base/text.h"
#include "crypto/random.h"
#include "ctl/files.h"
#include "keys/passphrase.h"
#include "store/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX_SIZE 4

/* What may be in the directory while it is made, files before the directories that hold them. */
static const char *const parts[] = {BM_STATE_CA,       BM_STATE_TLS,        BM_STATE_CONFIG,       BM_STATE_CA_KEY,
                                    BM_STATE_TICKET_KEY, BM_STATE_TLS_KEY,  BM_PASSPHRASE_FILE,    BM_STATE_DATABASE,
                                    BM_STATE_DATABASE_WAL, BM_STATE_DATABASE_SHM};

/* The directories in it. The ledger may see the one of the database and no other. */
static const char *const folders[] = {BM_STATE_KEYS_FOLDER, BM_STATE_DATABASE_FOLDER};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))
#define FOLDER_COUNT (sizeof(folders) / sizeof(folders[0]))

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void close_dir(DIR **dir)
{
    if (*dir != NULL)
        (void)closedir(*dir);
}

static const char *text_of(const bm_buf *path)
{
    return (const char *)path->data;
}

static const char *last_of(const bm_ctl_place *place, const bm_buf *path)
{
    return text_of(path) + place->base;
}

static BM_RESULT failed(const char *path)
{
    return bm_failf(BM_E_IO, "%s: %s", path, strerror(errno));
}

static BM_RESULT exchanged(const bm_ctl_place *place)
{
    return bm_failf(BM_E_STORE_CONFLICT, "%s was exchanged by somebody who may write in the directory above: make the CA where nobody else may",
                    text_of(&place->beside));
}

/* BM_E_STORE_CONFLICT unless the directory is empty. */
static BM_RESULT check_empty(const char *path)
{
    BM_AUTO(close_dir) DIR *dir = opendir(path);
    bool ca = false;
    bool other = false;
    const struct dirent *entry;

    if (dir == NULL)
        return failed(path);
    while ((entry = readdir(dir)) != NULL) {
        ca = ca || strcmp(entry->d_name, BM_STATE_CA) == 0;
        other = other || (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0);
    }
    if (ca)
        return bm_failf(BM_E_STORE_CONFLICT, "%s holds a CA already: nothing was changed; name another directory with --state", path);
    if (other)
        return bm_failf(BM_E_STORE_CONFLICT, "%s is not empty: nothing was changed; name another directory with --state", path);
    return bm_ok();
}

/* A directory that is there: its owner, and its name without symbolic links, which the renaming would replace. */
static BM_RESULT take_existing(bm_ctl_place *place, const struct stat *about)
{
    char *real;
    bm_result result;

    BM_TRY(check_empty(text_of(&place->target)));
    place->there = true;
    place->owner = about->st_uid;
    place->group = about->st_gid;
    real = realpath(text_of(&place->target), NULL);
    if (real == NULL)
        return failed(text_of(&place->target));
    bm_buf_clear(&place->target);
    result = bm_buf_put_str(&place->target, real);
    free(real);
    BM_TRY(result);
    return bm_buf_terminate(&place->target);
}

/* Opens the directory above. */
static BM_RESULT open_parent(bm_ctl_place *place)
{
    const char *slash = strrchr(text_of(&place->target), '/');
    BM_AUTO_BUF parent = BM_BUF_EMPTY;

    place->base = slash == NULL ? 0 : (size_t)(slash - text_of(&place->target)) + 1;
    BM_TRY(bm_buf_put(&parent, slash == NULL ? bm_bytes_str(".") : bm_bytes_of(place->target.data, place->base)));
    BM_TRY(bm_buf_terminate(&parent));
    place->parent = open(text_of(&parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return place->parent >= 0 ? bm_ok() : failed(text_of(&place->target));
}

BM_RESULT bm_ctl_place_find(const char *path, bm_ctl_place *place)
{
    bm_bytes name = bm_bytes_str(path);
    struct stat about;

    while (name.size > 1 && name.data[name.size - 1] == '/')
        name.size--;
    BM_TRY(bm_buf_put(&place->target, name));
    BM_TRY(bm_buf_terminate(&place->target));
    if (stat(text_of(&place->target), &about) == 0)
        BM_TRY(take_existing(place, &about));
    else if (errno != ENOENT)
        return failed(text_of(&place->target));
    return open_parent(place);
}

BM_RESULT bm_ctl_place_begin(bm_ctl_place *place)
{
    BM_AUTO_BUF beside = BM_BUF_EMPTY;
    uint8_t random[SUFFIX_SIZE];
    char suffix[2 * SUFFIX_SIZE + 1];
    struct stat about;

    BM_TRY(bm_random(random, sizeof(random)));
    bm_text_hex(BM_BYTES_ARRAY(random), suffix);
    BM_TRY(bm_buf_putf(&beside, "%s.init-%s", text_of(&place->target), suffix));
    BM_TRY(bm_buf_terminate(&beside));
    if (mkdirat(place->parent, last_of(place, &beside), 0700) != 0)
        return failed(text_of(&beside));
    bm_buf_move(&place->beside, &beside);
    place->directory = openat(place->parent, last_of(place, &place->beside), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (place->directory < 0)
        return failed(text_of(&place->beside));
    /* What was opened is what was made: nobody else can have made a directory of ours, or may write in it. */
    if (fstat(place->directory, &about) != 0 || about.st_uid != geteuid() || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return exchanged(place);
    for (size_t i = 0; i < FOLDER_COUNT; i++)
        if (mkdirat(place->directory, folders[i], 0700) != 0)
            return failed(folders[i]);
    return bm_ok();
}

BM_RESULT bm_ctl_place_make(const bm_ctl_place *place, const char *name, mode_t mode, bm_bytes bytes)
{
    return bm_ctl_files_make(place->directory, name, mode, bytes);
}

BM_RESULT bm_ctl_place_check(const bm_ctl_place *place, const char *name)
{
    struct stat about;

    if (fstatat(place->directory, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(about.st_mode))
        return exchanged(place);
    return bm_ok();
}

/* The owner of a directory that was there gets what is made in it: root may set up what the server's user must read. Not before everything else is done: until then he may not enter. */
static BM_RESULT give_to_owner(const bm_ctl_place *place)
{
    if (!place->there || place->owner == geteuid())
        return bm_ok();
    for (size_t i = 0; i < PART_COUNT; i++)
        if (fchownat(place->directory, parts[i], place->owner, place->group, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
            return failed(parts[i]);
    for (size_t i = 0; i < FOLDER_COUNT; i++)
        if (fchownat(place->directory, folders[i], place->owner, place->group, AT_SYMLINK_NOFOLLOW) != 0)
            return failed(folders[i]);
    return fchown(place->directory, place->owner, place->group) == 0 ? bm_ok() : failed(text_of(&place->beside));
}

static BM_RESULT sync_folders(const bm_ctl_place *place)
{
    for (size_t i = 0; i < FOLDER_COUNT; i++) {
        BM_AUTO(close_fd) int fd = openat(place->directory, folders[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 || fsync(fd) != 0)
            return failed(folders[i]);
    }
    return bm_ok();
}

/* What has the name now is what was made, and not what somebody put under the name beside it. */
static BM_RESULT check_in_place(const bm_ctl_place *place)
{
    struct stat mine, there;

    if (fstat(place->directory, &mine) != 0 || fstatat(place->parent, last_of(place, &place->target), &there, AT_SYMLINK_NOFOLLOW) != 0 ||
        mine.st_ino != there.st_ino || mine.st_dev != there.st_dev)
        return exchanged(place);
    return bm_ok();
}

BM_RESULT bm_ctl_place_finish(bm_ctl_place *place)
{
    const char *target = last_of(place, &place->target);

    BM_TRY(sync_folders(place));
    BM_TRY(give_to_owner(place));
    if (fsync(place->directory) != 0)
        return failed(text_of(&place->beside));
    /* This is the moment in which the CA comes to be. */
    if (renameat(place->parent, last_of(place, &place->beside), place->parent, target) != 0) {
        if (errno == ENOTEMPTY || errno == EEXIST)
            return bm_failf(BM_E_STORE_CONFLICT, "%s was made by somebody else meanwhile: nothing was changed in it", text_of(&place->target));
        return failed(text_of(&place->target));
    }
    BM_TRY(check_in_place(place));
    close_fd(&place->directory);
    return fsync(place->parent) == 0 ? bm_ok() : failed(text_of(&place->target));
}

void bm_ctl_place_fini(bm_ctl_place *place)
{
    if (place->directory >= 0) {
        for (size_t i = 0; i < PART_COUNT; i++)
            (void)unlinkat(place->directory, parts[i], 0);
        for (size_t i = 0; i < FOLDER_COUNT; i++)
            (void)unlinkat(place->directory, folders[i], AT_REMOVEDIR);
        /* By its name, which goes only while nothing is in it. */
        (void)unlinkat(place->parent, last_of(place, &place->beside), AT_REMOVEDIR);
    }
    close_fd(&place->directory);
    close_fd(&place->parent);
    bm_buf_fini(&place->target);
    bm_buf_fini(&place->beside);
}
