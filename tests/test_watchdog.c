/* test_watchdog.c - who is noticed and who is not. Times are of the wall clock: only lower bounds and
 * generous upper ones are checked. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "reader/watchdog.h"

#define PATIENCE_S 0.2

struct scene {
    struct watchdog watchdog;
    atomic_bool stop, beats[2];
    const char *_Atomic hung;
    atomic_int n_calls;
};

static void nap(double s)
{
    struct timespec time = {.tv_sec = (time_t)s, .tv_nsec = (long)((s - (double)(time_t)s) * 1e9)};
    nanosleep(&time, NULL);
}

static void on_hung(void *context, const char *name)
{
    struct scene *scene = context;
    atomic_store(&scene->hung, name);
    atomic_fetch_add(&scene->n_calls, 1);
}

static void live(struct scene *scene, unsigned place, const char *name)
{
    watchdog_join(&scene->watchdog, place, name);
    while (!atomic_load(&scene->stop)) {
        if (atomic_load(&scene->beats[place])) {
            watchdog_beat();
        }
        nap(0.001);
    }
    watchdog_leave();
}

static void *live_first(void *scene)
{
    live(scene, 0, "first");
    return NULL;
}

static void *live_second(void *scene)
{
    live(scene, 1, "second");
    return NULL;
}

static void begin(struct scene *scene, pthread_t thread[2])
{
    memset(scene, 0, sizeof *scene);
    atomic_store(&scene->beats[0], true);
    atomic_store(&scene->beats[1], true);
    assert_int_equal(watchdog_start(&scene->watchdog, PATIENCE_S, on_hung, scene), ST_OK);
    assert_int_equal(pthread_create(&thread[0], NULL, live_first, scene), 0);
    assert_int_equal(pthread_create(&thread[1], NULL, live_second, scene), 0);
}

static void end(struct scene *scene, pthread_t thread[2])
{
    atomic_store(&scene->stop, true);
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    watchdog_stop(&scene->watchdog);
}

static void watchdog_leaves_the_living_alone(void **state)
{
    (void)state;
    static struct scene scene;
    pthread_t thread[2];
    begin(&scene, thread);
    nap(3.0 * PATIENCE_S);
    end(&scene, thread);
    assert_int_equal(atomic_load(&scene.n_calls), 0);
}

static void watchdog_names_who_stands_still(void **state)
{
    (void)state;
    static struct scene scene;
    pthread_t thread[2];
    begin(&scene, thread);
    nap(PATIENCE_S);
    atomic_store(&scene.beats[1], false);
    nap(0.5 * PATIENCE_S);
    assert_int_equal(atomic_load(&scene.n_calls), 0); /* not yet */
    for (int k = 0; k < 500 && atomic_load(&scene.n_calls) == 0; k++) {
        nap(0.01);
    }
    assert_int_equal(atomic_load(&scene.n_calls), 1);
    assert_string_equal(atomic_load(&scene.hung), "second");
    nap(2.0 * PATIENCE_S);
    end(&scene, thread);
    assert_int_equal(atomic_load(&scene.n_calls), 1); /* once */
}

static void *busy_elsewhere(void *argument)
{
    struct scene *scene = argument;
    watchdog_join(&scene->watchdog, 0, "away");
    watchdog_leave();
    nap(3.0 * PATIENCE_S);
    watchdog_return();
    nap(0.2 * PATIENCE_S);
    watchdog_leave();
    return NULL;
}

static void watchdog_waits_for_who_is_away(void **state)
{
    (void)state;
    static struct scene scene;
    pthread_t thread;
    memset(&scene, 0, sizeof scene);
    assert_int_equal(watchdog_start(&scene.watchdog, PATIENCE_S, on_hung, &scene), ST_OK);
    assert_int_equal(pthread_create(&thread, NULL, busy_elsewhere, &scene), 0);
    pthread_join(thread, NULL);
    nap(2.0 * PATIENCE_S); /* ended threads are not watched */
    watchdog_stop(&scene.watchdog);
    watchdog_stop(&scene.watchdog);
    assert_int_equal(atomic_load(&scene.n_calls), 0);
    watchdog_beat(); /* this thread never joined */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watchdog_leaves_the_living_alone),
        cmocka_unit_test(watchdog_names_who_stands_still),
        cmocka_unit_test(watchdog_waits_for_who_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
