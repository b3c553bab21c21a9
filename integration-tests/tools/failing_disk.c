/* A disk that fails as the file DISK_FAULTS says, preloaded before a program, so that the program itself needs no
 * setting for tests. Each line of the file is a fault, a blank and the beginning of the paths that it is about:
 *
 *   full       no bytes can be written                       (ENOSPC)
 *   read-only  nothing can be opened for writing, or written (EROFS)
 *   error      what was written cannot be synced             (EIO)
 *   hang       a sync does not return while this line stands
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(const char *fault, const char *path) {
    const char *faults = getenv("DISK_FAULTS");
    FILE *file = faults ? fopen(faults, "re") : NULL;
    char line[PATH_MAX + 32];
    int found = 0;
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        char *place = strchr(line, ' ');
        if (!place)
            continue;
        *place++ = 0;
        found = strcmp(line, fault) == 0 && strncmp(path, place, strlen(place)) == 0;
    }
    if (file)
        fclose(file);
    return found;
}

static int fails_on(const char *fault, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || path[0] != '/')
        return 0;
    path[length] = 0;
    return fails(fault, path);
}

/* 0, or what writing there gives. */
static int refusal(int fd) {
    return fails_on("full", fd) ? ENOSPC : fails_on("read-only", fd) ? EROFS : 0;
}

#define MACHINES(type, name, ...) \
    static type (*machines)(__VA_ARGS__); \
    if (!machines) \
        machines = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define REFUSE(fd) \
    int refused = refusal(fd); \
    if (refused) { \
        errno = refused; \
        return -1; \
    }

ssize_t write(int fd, const void *bytes, size_t count) {
    MACHINES(ssize_t, write, int, const void *, size_t);
    REFUSE(fd)
    return machines(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    MACHINES(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    REFUSE(fd)
    return machines(fd, bytes, count, offset);
}

int ftruncate64(int fd, off64_t length) {
    MACHINES(int, ftruncate64, int, off64_t);
    if (fails_on("read-only", fd)) {
        errno = EROFS;
        return -1;
    }
    return machines(fd, length);
}

static int sync_with(int (*machines)(int), int fd) {
    while (fails_on("hang", fd))
        usleep(20000);
    if (fails_on("error", fd)) {
        errno = EIO;
        return -1;
    }
    return machines(fd);
}

int fdatasync(int fd) {
    MACHINES(int, fdatasync, int);
    return sync_with(machines, fd);
}

int fsync(int fd) {
    MACHINES(int, fsync, int);
    return sync_with(machines, fd);
}

int open64(const char *path, int flags, ...) {
    MACHINES(int, open64, const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if ((flags & O_ACCMODE) != O_RDONLY && fails("read-only", path)) {
        errno = EROFS;
        return -1;
    }
    return machines(path, flags, mode);
}
