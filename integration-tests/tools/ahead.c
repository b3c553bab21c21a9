/* The wall clock of a program, SECONDS_AHEAD of the machine's: preloaded before the program, so that the program
 * itself needs no setting for tests. All other clocks are the machine's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*machines)(clockid_t, struct timespec *);
    if (!machines)
        machines = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = machines(clock, now);
    const char *ahead = getenv("SECONDS_AHEAD");
    if (result == 0 && clock == CLOCK_REALTIME && ahead)
        now->tv_sec += atol(ahead);
    return result;
}
