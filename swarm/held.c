#include "swarm/held.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

BM_RESULT bm_swarm_held_open(const char *path, int *fd)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return bm_failf(BM_E_IO, "%s cannot be written: %s", path, strerror(errno));
    return bm_ok();
}

BM_RESULT bm_swarm_held_put(int fd, bm_bytes der)
{
    BM_AUTO_BUF line = BM_BUF_EMPTY;

    BM_TRY(bm_text_put_hex(&line, der));
    BM_TRY(bm_buf_put_u8(&line, '\n'));
    BM_CHECK(write(fd, line.data, line.size) == (ssize_t)line.size, BM_E_IO, "a certificate cannot be kept in the file of --held: is the disk full?");
    return bm_ok();
}
