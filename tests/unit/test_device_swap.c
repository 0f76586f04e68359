/* device/identity/swap: a process is killed before each change that it makes to the directory, and whoever reads then finds the files of one identity. */
#include "unit.h"

#include "device/identity/swap.h"
#include "tests/lab/kill_at.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A state directory in a temporary one. */
typedef struct {
    char base[64];
    char path[80];
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    /* In memory, where there is a place: the directory is synced some thousand times. */
    (void)snprintf(f->base, sizeof(f->base), "%s/bm-swap.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(f->base));
    (void)snprintf(f->path, sizeof(f->path), "%s/state", f->base);
    *state = f;
    return 0;
}

/* Removes a directory and what is in it, two levels deep. */
static void remove_all(const char *path, int depth)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char inside[512];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        if (unlink(inside) != 0 && depth > 0)
            remove_all(inside, depth - 1);
    }
    if (directory != NULL)
        (void)closedir(directory);
    (void)rmdir(path);
}

static int tear_down(void **state)
{
    fixture *f = *state;

    remove_all(f->path, 2);
    assert_int_equal(rmdir(f->base), 0);
    free(f);
    return 0;
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The old identity in use (without an `ek`, as an earlier version made it), the new one staged, in files that say whose they are. */
static void fill(const fixture *f)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    BM_AUTO(bm_identity_close) bm_identity next = BM_IDENTITY_CLOSED;
    char staged[128];
    const char *name;

    remove_all(f->path, 2);
    assert_ok(bm_identity_open(f->path, &identity));
    assert_ok(bm_identity_swap_stage(&identity, &next));
    (void)snprintf(staged, sizeof(staged), "%s/.next", f->path);
    for (size_t i = 0; (name = bm_identity_file(i)) != NULL; i++) {
        if (strcmp(name, "ek") != 0)
            write_file(f->path, name, "old");
        write_file(staged, name, "new");
    }
}

/* What a reader finds: 'o', 'n', or a failure when there is something of both. */
static char whose(const fixture *f)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    const char *name;
    char all = 0;

    assert_ok(bm_identity_open_to_read(f->path, &identity));
    for (size_t i = 0; (name = bm_identity_file(i)) != NULL; i++) {
        BM_AUTO_BUF content = BM_BUF_EMPTY;
        bool found;
        char here;

        assert_ok(bm_identity_read(&identity, name, &content, &found));
        if (!found && strcmp(name, "ek") != 0)
            fail_msg("%s is not there", name);
        here = found ? (char)content.data[0] : 'o';
        if (all != 0 && here != all)
            fail_msg("%s is of the %s identity, others are not", name, here == 'n' ? "new" : "old");
        all = here;
    }
    return all;
}

static bool is_there(const fixture *f, const char *name)
{
    char path[256];
    struct stat info;

    (void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
    return lstat(path, &info) == 0;
}

/* Nothing of the change is left but what says which key is to go. */
static void check_settled(const fixture *f, char identity)
{
    DIR *directory = opendir(f->path);
    const struct dirent *entry;

    assert_int_equal(whose(f), identity);
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        char path[512];
        struct stat info;

        (void)snprintf(path, sizeof(path), "%s/%s", f->path, entry->d_name);
        assert_int_equal(lstat(path, &info), 0);
        if (S_ISLNK(info.st_mode) || strstr(entry->d_name, ".new") != NULL)
            fail_msg("%s was left", entry->d_name);
    }
    (void)closedir(directory);
    assert_false(is_there(f, ".use"));
    assert_false(is_there(f, ".last"));
    assert_true(is_there(f, ".old") == (identity == 'n'));
    assert_true(is_there(f, ".next") == (identity == 'o'));
}

/* What the child does: with the lock of the directory, as the program. */
typedef enum { COMMIT, RECOVER } act;

static void carry_out(const fixture *f, act what)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bm_result result = bm_identity_open(f->path, &identity);
    bool completed;

    if (result.code == BM_OK)
        result = what == COMMIT ? bm_identity_swap_commit(&identity) : bm_identity_swap_recover(&identity, &completed);
    _exit(result.code == BM_OK ? 0 : 1);
}

/* Runs it in a child that is killed before its change `at`; true: it was, and did not come to its end. */
static bool killed_at(const fixture *f, act what, unsigned at)
{
    unsigned changes;
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
            _exit(2);
        carry_out(f, what);
    }
    status = kill_at_follow(pid, at, &changes);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return true;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

static bool recover(const fixture *f)
{
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    bool completed;

    assert_ok(bm_identity_open(f->path, &identity));
    assert_ok(bm_identity_swap_recover(&identity, &completed));
    return completed;
}

static void a_change_puts_the_new_identity_into_use_and_keeps_what_names_the_old_key(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    BM_AUTO(bm_identity_close) bm_identity old = BM_IDENTITY_CLOSED;
    BM_AUTO_BUF content = BM_BUF_EMPTY;
    bool found;

    fill(f);
    assert_ok(bm_identity_open(f->path, &identity));
    assert_int_equal(whose(f), 'o');
    assert_ok(bm_identity_swap_commit(&identity));
    check_settled(f, 'n');
    assert_true(bm_identity_swap_has_left(&identity));
    assert_ok(bm_identity_swap_open_old(&identity, &old));
    assert_ok(bm_identity_read(&old, "key.uri", &content, &found));
    assert_true(found && content.data[0] == 'o');
    assert_ok(bm_identity_swap_forget_old(&identity));
    assert_false(bm_identity_swap_has_left(&identity));
}

static void whenever_it_is_killed_the_files_are_of_one_identity_and_the_next_run_settles_it(void **state)
{
    fixture *f = *state;
    unsigned at = 0;
    unsigned forward = 0;
    bool was_killed;

    do {
        char before;
        bool completed;

        fill(f);
        was_killed = killed_at(f, COMMIT, ++at);
        before = whose(f);
        completed = recover(f);
        check_settled(f, before);
        forward += completed;
        /* Once the new identity is in use it stays so. */
        assert_true(before == 'n' || forward == 0);
    } while (was_killed);
    assert_true(at > 50 && forward > 10);
}

static void whenever_the_next_run_is_killed_too_the_one_after_it_settles_it(void **state)
{
    fixture *f = *state;
    bool was_killed = true;

    for (unsigned at = 1; was_killed; at += 7) {
        bool again = true;

        for (unsigned then = 1; again; then += 3) {
            char before;

            fill(f);
            was_killed = killed_at(f, COMMIT, at);
            before = whose(f);
            again = killed_at(f, RECOVER, then);
            assert_int_equal(whose(f), before);
            (void)recover(f);
            check_settled(f, before);
        }
    }
}

static void a_change_that_fails_half_way_is_undone(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    char path[256];

    fill(f);
    /* A directory in the place of a draft: the link cannot be made. */
    (void)snprintf(path, sizeof(path), "%s/.device.crt.new", f->path);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_ok(bm_identity_open(f->path, &identity));
    assert_code(bm_identity_swap_commit(&identity), BM_E_IO);
    assert_int_equal(rmdir(path), 0);
    check_settled(f, 'o');
}

static void what_is_not_ours_in_the_directory_stops_the_recovery_or_stays(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;
    char path[256];
    bool completed;

    fill(f);
    assert_ok(bm_identity_open(f->path, &identity));
    (void)snprintf(path, sizeof(path), "%s/device.crt", f->path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_ok(bm_identity_swap_recover(&identity, &completed));
    assert_false(completed);
    assert_true(is_there(f, "device.crt"));
    (void)snprintf(path, sizeof(path), "%s/.use", f->path);
    assert_int_equal(symlink("/etc", path), 0);
    assert_code(bm_identity_swap_recover(&identity, &completed), BM_E_IO);
    assert_true(is_there(f, "device.crt"));
}

static void a_made_key_is_kept_for_the_next_try_and_what_named_a_handle_goes(void **state)
{
    fixture *f = *state;
    BM_AUTO(bm_identity_close) bm_identity identity = BM_IDENTITY_CLOSED;

    fill(f);
    assert_ok(bm_identity_open(f->path, &identity));
    assert_true(bm_identity_swap_has_left(&identity));
    assert_ok(bm_identity_swap_forget_next(&identity));
    assert_false(bm_identity_swap_has_left(&identity));
    assert_true(is_there(f, ".next/device.key"));
    assert_false(is_there(f, ".next/device.crt"));
    assert_int_equal(whose(f), 'o');
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_change_puts_the_new_identity_into_use_and_keeps_what_names_the_old_key),
        T(whenever_it_is_killed_the_files_are_of_one_identity_and_the_next_run_settles_it),
        T(whenever_the_next_run_is_killed_too_the_one_after_it_settles_it),
        T(a_change_that_fails_half_way_is_undone),
        T(what_is_not_ours_in_the_directory_stops_the_recovery_or_stays),
        T(a_made_key_is_kept_for_the_next_try_and_what_named_a_handle_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
