/*
 * Where init makes a CA, while somebody who may write in the directory above interferes. The steps of init are calls here, so what he can do
 * between any two of them is done at just that moment, without a race.
 */
#include "unit.h"

#include "ctl/files.h"
#include "ctl/place.h"
#include "store/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHER 61234 /* a user of less trust */

/* A directory of somebody else's, with another in it that is none of his business. */
typedef struct {
    char above[64];
    char target[80];
    char aside[80];   /* where he puts what he moves away */
    char victim[80];  /* a directory of root's, with files of the names that a CA has */
    bm_ctl_place place;
} fixture;

static void put(const char *directory, const char *name)
{
    char path[160];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
}

static void make(const char *directory, const char *name)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* What is in a directory. */
static int count(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    int found = 0;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL)
        found += entry->d_name[0] != '.';
    (void)closedir(directory);
    return found;
}

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->above, sizeof(f->above), "/tmp/bmplace.XXXXXX");
    assert_non_null(mkdtemp(f->above));
    (void)snprintf(f->target, sizeof(f->target), "%s/ca", f->above);
    (void)snprintf(f->aside, sizeof(f->aside), "%s/aside", f->above);
    (void)snprintf(f->victim, sizeof(f->victim), "%s/victim", f->above);
    make(f->above, "victim");
    make(f->victim, "keys");
    make(f->victim, "database");
    put(f->victim, BM_STATE_CA);
    put(f->victim, BM_STATE_CA_KEY);
    put(f->victim, BM_STATE_DATABASE);
    f->place = BM_CTL_PLACE_NONE;
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

static int end(void **state)
{
    fixture *f = *state;

    bm_ctl_place_fini(&f->place);
    assert_int_equal(nftw(f->above, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(f);
    return 0;
}

static struct stat status(const char *directory, const char *name)
{
    struct stat about;
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(lstat(path, &about), 0);
    return about;
}

static bool is_there(const char *directory, const char *name)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

/* Nothing of the victim's was removed, emptied, filled, or given away. */
static void assert_unharmed(fixture *f)
{
    static const char *const names[] = {".", "keys", "database", BM_STATE_CA, BM_STATE_CA_KEY, (BM_STATE_DATABASE)};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(status(f->victim, names[i]).st_uid, geteuid());
        if (S_ISREG(status(f->victim, names[i]).st_mode))
            assert_int_equal(status(f->victim, names[i]).st_size, 0);
    }
    assert_false(is_there(f->victim, BM_STATE_TLS));
    assert_false(is_there(f->victim, BM_STATE_TLS_KEY));
}

static const char *beside(const fixture *f)
{
    return (const char *)f->place.beside.data;
}

/* In place of the directory in which the CA is made there is a symbolic link to the victim now. */
static void exchange(fixture *f)
{
    assert_int_equal(rename(beside(f), f->aside), 0);
    assert_int_equal(symlink(f->victim, beside(f)), 0);
}

static void make_all(fixture *f)
{
    static const char *const names[] = {BM_STATE_CA, BM_STATE_TLS, BM_STATE_CA_KEY, BM_STATE_TLS_KEY, (BM_STATE_DATABASE)};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_ok(bm_ctl_place_make(&f->place, names[i], 0600, bm_bytes_str("content")));
}

static void begin_place(fixture *f, bool there)
{
    if (there) {
        assert_int_equal(mkdir(f->target, 0700), 0);
        if (geteuid() == 0)
            assert_int_equal(chown(f->target, OTHER, OTHER), 0);
    }
    assert_ok(bm_ctl_place_find(f->target, &f->place));
    assert_ok(bm_ctl_place_begin(&f->place));
}

static void what_is_made_is_in_its_place_with_its_owner(void **state)
{
    fixture *f = *state;
    uid_t owner = geteuid() == 0 ? OTHER : geteuid();

    begin_place(f, true);
    make_all(f);
    assert_ok(bm_ctl_place_check(&f->place, BM_STATE_DATABASE));
    assert_ok(bm_ctl_place_finish(&f->place));
    bm_ctl_place_fini(&f->place);
    assert_int_equal(status(f->above, "ca").st_uid, owner);
    assert_int_equal(status(f->target, "keys").st_uid, owner);
    assert_int_equal(status(f->target, BM_STATE_CA_KEY).st_uid, owner);
    assert_int_equal(status(f->target, BM_STATE_CA_KEY).st_size, 7);
}

static void what_is_not_finished_is_removed(void **state)
{
    fixture *f = *state;

    begin_place(f, false);
    make_all(f);
    assert_true(is_there(f->above, strrchr(beside(f), '/') + 1));
    bm_ctl_place_fini(&f->place);
    assert_false(is_there(f->above, "ca"));
    assert_int_equal(rmdir(f->target), -1);
}

static void a_link_in_place_of_the_directory_gets_no_file_no_owner_and_no_name(void **state)
{
    fixture *f = *state;

    begin_place(f, true);
    exchange(f);
    make_all(f);
    assert_unharmed(f);
    assert_code(bm_ctl_place_finish(&f->place), BM_E_IO); /* a link cannot take a directory's name */
    bm_ctl_place_fini(&f->place);
    assert_unharmed(f);
    /* The keys that were made did not stay where they were moved. */
    assert_false(is_there(f->aside, BM_STATE_CA_KEY));
}

static void a_link_that_takes_the_name_is_not_taken_for_the_ca(void **state)
{
    fixture *f = *state;

    begin_place(f, false);
    make_all(f);
    exchange(f);
    assert_code(bm_ctl_place_finish(&f->place), BM_E_STORE_CONFLICT);
    bm_ctl_place_fini(&f->place);
    assert_unharmed(f);
    assert_false(is_there(f->aside, BM_STATE_CA_KEY));
}

static void a_directory_that_takes_the_place_is_not_taken_for_the_ca(void **state)
{
    fixture *f = *state;

    begin_place(f, true);
    make_all(f);
    assert_int_equal(rename(beside(f), f->aside), 0);
    assert_int_equal(mkdir(beside(f), 0700), 0);
    assert_code(bm_ctl_place_finish(&f->place), BM_E_STORE_CONFLICT);
    bm_ctl_place_fini(&f->place);
    assert_false(is_there(f->aside, BM_STATE_CA_KEY));
}

static void a_database_that_a_library_made_elsewhere_is_noticed(void **state)
{
    fixture *f = *state;

    begin_place(f, false);
    exchange(f);
    /* By its path, as SQLite opens it, it is there; in the directory that is held, it is not. */
    assert_true(is_there(beside(f), BM_STATE_DATABASE));
    assert_code(bm_ctl_place_check(&f->place, BM_STATE_DATABASE), BM_E_STORE_CONFLICT);
}

static void a_planted_file_is_not_written_to(void **state)
{
    fixture *f = *state;
    char path[160];

    begin_place(f, false);
    (void)snprintf(path, sizeof(path), "%s/%s", beside(f), BM_STATE_TLS);
    assert_int_equal(symlink(f->victim, path), 0);
    assert_code(bm_ctl_place_make(&f->place, BM_STATE_TLS, 0600, bm_bytes_str("content")), BM_E_IO);
    assert_int_equal(unlink(path), 0);
    assert_unharmed(f);
}

static void a_link_is_not_replaced_by_a_renewal(void **state)
{
    fixture *f = *state;
    char path[160];

    make(f->above, "ca");
    f->place.parent = open(f->above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "%s/%s", f->victim, BM_STATE_CA);
    put(f->target, "file");
    assert_ok(bm_ctl_files_replace(f->target, "file", 0644, bm_bytes_str("new")));
    assert_int_equal(status(f->target, "file").st_size, 3);
    assert_int_equal(symlinkat(path, f->place.parent, "ca/link"), 0);
    assert_code(bm_ctl_files_replace(f->target, "link", 0644, bm_bytes_str("new")), BM_E_IO);
    assert_unharmed(f);
}

static void a_renewal_for_which_there_is_no_room_leaves_the_old_file_alone(void **state)
{
    const struct rlimit none = {0, RLIM_INFINITY};
    struct rlimit before;
    fixture *f = *state;
    bm_result result;

    make(f->above, "ca");
    put(f->target, "file");
    assert_ok(bm_ctl_files_replace(f->target, "file", 0644, bm_bytes_str("old")));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    result = bm_ctl_files_replace(f->target, "file", 0644, bm_bytes_str("newer"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_code(result, BM_E_IO);
    assert_int_equal(status(f->target, "file").st_size, 3);
    assert_int_equal(count(f->target), 1);
}

#define PLACE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE(what_is_made_is_in_its_place_with_its_owner),
        PLACE(what_is_not_finished_is_removed),
        PLACE(a_link_in_place_of_the_directory_gets_no_file_no_owner_and_no_name),
        PLACE(a_link_that_takes_the_name_is_not_taken_for_the_ca),
        PLACE(a_directory_that_takes_the_place_is_not_taken_for_the_ca),
        PLACE(a_database_that_a_library_made_elsewhere_is_noticed),
        PLACE(a_planted_file_is_not_written_to),
        PLACE(a_link_is_not_replaced_by_a_renewal),
        PLACE(a_renewal_for_which_there_is_no_room_leaves_the_old_file_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
