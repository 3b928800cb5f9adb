/* test_host.c - which thread goes where, and what is said when the host does not allow it; the line
 * about the radio's troubles. */
#define _GNU_SOURCE /* pthread_getaffinity_np */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/log.h"
#include "reader/host.h"
#include "reader/trouble.h"

static char said[512];

static void hear(enum log_level level, const char *line)
{
    (void)level;
    snprintf(said, sizeof said, "%s", line);
}

static void host_reads_a_list_of_cpus(void **state)
{
    (void)state;
    struct host_cpus cpus;
    assert_int_equal(host_cpus_parse("", &cpus), ST_OK);
    assert_int_equal(cpus.n, 0);
    assert_int_equal(host_cpus_parse("0", &cpus), ST_OK);
    assert_int_equal(cpus.n, 1);
    assert_int_equal(cpus.cpu[0], 0);
    static const char *const bad[] = {"x", "-1", "0,", ",0", "0 1", "99999", "0,0,0,0,0,0,0,0,0"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_int_equal(host_cpus_parse(bad[k], &cpus), ST_RANGE);
        assert_non_null(strstr(status_detail(), "timing.cpu_list"));
        assert_non_null(strstr(status_detail(), bad[k]));
    }
}

static void host_shares_the_cpus_by_urgency(void **state)
{
    (void)state;
    static const int want[6][5] = {/* RX, TX, DSP, INVENTORY, PUBLISH */
                                   {-1, -1, -1, -1, -1}, {4, 4, 4, 4, -1}, {4, 4, 5, 5, -1},
                                   {4, 5, 6, 6, -1},     {4, 5, 6, 7, -1}, {4, 5, 6, 7, -1}};
    for (size_t n = 0; n < sizeof want / sizeof *want; n++) {
        const struct host_cpus cpus = {.n = n, .cpu = {4, 5, 6, 7, 8}};
        for (int role = HOST_RX; role <= HOST_PUBLISH; role++) {
            assert_int_equal(host_cpu_of(&cpus, (enum host_role)role), want[n][role]);
        }
    }
}

static void *wait_for_end(void *barrier)
{
    pthread_barrier_wait(barrier);
    return NULL;
}

/* In force where permitted, one line with the remedy where not: the kernel is asked, not host.c. */
static void host_serves_threads_or_says_why_not(void **state)
{
    (void)state;
    static const enum host_role role[] = {HOST_PUBLISH, HOST_RX};
    enum { N = sizeof role / sizeof *role };
    pthread_barrier_t barrier;
    pthread_t thread[N];
    cpu_set_t own;
    assert_int_equal(sched_getaffinity(0, sizeof own, &own), 0);
    int cpu = 0;
    while (!CPU_ISSET((size_t)cpu, &own)) {
        cpu++;
    }
    const struct host_cpus cpus = {.n = 1, .cpu = {cpu}};
    pthread_barrier_init(&barrier, NULL, N + 1);
    for (size_t k = 0; k < N; k++) {
        assert_int_equal(pthread_create(&thread[k], NULL, wait_for_end, &barrier), 0);
    }
    said[0] = '\0';
    log_set_sink(hear);
    host_serve(thread, role, N, &cpus);
    log_set_sink(NULL);
    int policy[N];
    cpu_set_t set[N];
    for (size_t k = 0; k < N; k++) {
        struct sched_param parameters;
        assert_int_equal(pthread_getschedparam(thread[k], &policy[k], &parameters), 0);
        assert_int_equal(pthread_getaffinity_np(thread[k], sizeof set[k], &set[k]), 0);
    }
    pthread_barrier_wait(&barrier);
    for (size_t k = 0; k < N; k++) {
        pthread_join(thread[k], NULL);
    }
    assert_int_equal(policy[0], SCHED_OTHER);
    assert_true(CPU_EQUAL(&set[0], &own));
    assert_int_equal(CPU_COUNT(&set[1]), 1);
    assert_true(CPU_ISSET((size_t)cpu, &set[1]));
    assert_int_equal(policy[1] != SCHED_FIFO, strstr(said, "no real-time priority") != NULL);
    assert_true(said[0] == '\0' || strstr(said, "limits.conf"));
    pthread_barrier_destroy(&barrier);
}

static void trouble_is_told_once_a_second_with_the_remedy(void **state)
{
    (void)state;
    struct trouble trouble = {0};
    struct radio_counters counters = {.overflows = 2, .late = 1};
    char text[320];
    int64_t now_ns = 5000000000;
    assert_true(trouble_text(&trouble, &counters, now_ns, text, sizeof text) > 0);
    assert_ptr_equal(strstr(text, "in the last second: 2 overflows, 1 late burst: "), text);
    assert_non_null(strstr(text, "lower --rate"));
    counters.sequence_errors = 1;
    assert_int_equal(trouble_text(&trouble, &counters, now_ns + 999999999, text, sizeof text), 0);
    assert_string_equal(text, "");
    now_ns += 1000000000;
    assert_true(trouble_text(&trouble, &counters, now_ns, text, sizeof text) > 0);
    assert_ptr_equal(strstr(text, "in the last second: 1 lost packet: "), text);
    assert_int_equal(trouble_text(&trouble, &counters, now_ns + 1000000000, text, sizeof text), 0);
    counters.underflows = UINT64_MAX;
    assert_true(trouble_text(&trouble, &counters, now_ns + 2000000000, text, 24) < 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_reads_a_list_of_cpus),
        cmocka_unit_test(host_shares_the_cpus_by_urgency),
        cmocka_unit_test(host_serves_threads_or_says_why_not),
        cmocka_unit_test(trouble_is_told_once_a_second_with_the_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
