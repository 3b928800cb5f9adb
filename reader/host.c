/* host.c - real-time priority, core pinning, locked memory. */
#define _GNU_SOURCE /* pthread_setaffinity_np, MCL_ONFAULT */
#include "reader/host.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/log.h"
#include "config/require.h"

enum status host_cpus_parse(const char *text, struct host_cpus *cpus)
{
    const long n_online = sysconf(_SC_NPROCESSORS_CONF);
    cpus->n = 0;
    for (const char *at = text; *at;) {
        char *end = NULL;
        const long cpu = strtol(at, &end, 10);
        if (end == at || cpu < 0 || cpu >= n_online || cpus->n == HOST_CPUS_MAX ||
            (*end && (*end != ',' || !end[1]))) {
            return status_fail(ST_RANGE,
                               "timing.cpu_list is '%s', accepted: up to %d CPU numbers of 0..%ld, "
                               "separated by commas",
                               text, HOST_CPUS_MAX, n_online - 1);
        }
        cpus->cpu[cpus->n++] = (int)cpu;
        at = *end ? end + 1 : end;
    }
    return ST_OK;
}

int host_cpu_of(const struct host_cpus *cpus, enum host_role role)
{
    static const size_t place[4][HOST_PUBLISH] = {
        {0, 0, 0, 0}, {0, 0, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 3}};
    require(cpus->n <= HOST_CPUS_MAX);
    if (cpus->n == 0 || role == HOST_PUBLISH) {
        return -1;
    }
    return cpus->cpu[place[cpus->n < 4 ? cpus->n - 1 : 3][role]];
}

static bool priority_set(pthread_t thread, enum host_role role)
{
    static const int above_least[] = {2, 2, 1, 1};
    struct sched_param parameters = {.sched_priority =
                                         sched_get_priority_min(SCHED_FIFO) + above_least[role]};
    return pthread_setschedparam(thread, SCHED_FIFO, &parameters) == 0;
}

static bool pin(pthread_t thread, int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return pthread_setaffinity_np(thread, sizeof set, &set) == 0;
}

/* Only without a limit: with one, a lock that succeeds makes later allocations fail. Pages are taken
 * as they are touched, not all at once. */
static bool memory_lock(void)
{
    struct rlimit limit;
    bool unlimited = geteuid() == 0 ||
                     (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY);
    return unlimited && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

void host_serve(const pthread_t *thread, const enum host_role *role, size_t n_threads,
                const struct host_cpus *cpus)
{
    bool prior = true, pinned = true, locked = memory_lock();
    for (size_t k = 0; k < n_threads; k++) {
        if (role[k] == HOST_PUBLISH) {
            continue;
        }
        int cpu = host_cpu_of(cpus, role[k]);
        prior = prior && priority_set(thread[k], role[k]);
        pinned = pinned && (cpu < 0 || pin(thread[k], cpu));
    }
    if (!prior || !pinned || !locked) {
        log_info(
            "%s%s%s: expect late answers under load; allow it with 'ulimit -r 10 -l unlimited' "
            "or rtprio and memlock lines in /etc/security/limits.conf%s",
            prior ? "" : "no real-time priority; ", pinned ? "" : "threads not pinned; ",
            locked ? "memory locked" : "memory not locked",
            pinned ? "" : "; timing.cpu_list may name only CPUs this process may use");
    }
}
