/* reader.h - the running reader: owns radio, threads, rings and pools; start and stop order.
 *                                                                            layer: reader
 *  radio -> RX --iq--> DSP --heard--> INVENTORY --record--> PUBLISH -> subscribers
 *  radio <- TX <------commands, horizon----+
 * Real-time radios run on their own clock; for the others the transmit horizon is the clock: samples
 * are sent only as far as no decision can still change them, so a run is the same every time. */
#ifndef READER_READER_H
#define READER_READER_H

#include <stdatomic.h>
#include <stdint.h>

#include "dsp/reply_rx.h"
#include "dsp/tx_shape.h"
#include "protocol/access.h"
#include "protocol/inventory.h"
#include "radio/radio.h"
#include "reader/auth.h"
#include "reader/bistatic.h"
#include "reader/cli.h"
#include "reader/emit_options.h"
#include "reader/multiplex_options.h"
#include "reader/plan.h"
#include "reader/publish.h"
#include "reader/read_options.h"

enum reader_mode { READER_INVENTORY = 0, READER_EMIT, READER_LISTEN };

struct reader_cfg {
    enum reader_mode mode;
    struct run_cfg run;
    struct radio_cfg radio;
    struct link_cfg link;
    struct inventory_cfg inventory;
    struct read_cfg read;
    struct reply_rx_cfg receiver;
    struct tx_shape_cfg tx;
    struct publish_cfg publish;
    struct plan_cfg plan;
    struct bistatic_cfg bistatic;
    struct emit_cfg emit;
    struct multiplex_cfg tdma;
    /* set by the program: what is done to the tags that are read; NULL: nothing */
    const struct access_cfg *access;
    double access_idle_s;                /* the run ends when nothing gets further for so long */
    struct access_totals *access_totals; /* filled in at the end */
    struct auth_cfg auth;
    const struct keys *keys; /* out of auth.keys; NULL: nobody is asked to authenticate */
};

struct reader;

/* The smallest of the usual rates with enough samples a Tpri. */
double reader_rate_for(double blf_hz);
/* Reply to next command: run.turnaround_us, or what stands for it where that is not set. */
double reader_turnaround_us(const struct run_cfg *run, const struct link *link);
/* Slot durations with this receiver and turnaround: the policy's weights. */
struct slot_times reader_slot_times(const struct link *link, double turnaround_us);

/* Open the radio and everything else; nothing is on the air yet.
 *   err the module's status, detail set; ST_RANGE for impossible combinations
 *   own caller frees; `options` is borrowed until reader_free */
enum status reader_new(const struct reader_cfg *cfg, const struct option_set *options,
                       struct reader **reader) must_check;
/* As far as reader_new comes without opening anything: link, plan, rate, waveform and timing, all
 * checked as it checks them. Good for looking at (dry_run.c) and freeing, not for starting. */
enum status reader_plan(const struct reader_cfg *cfg, struct reader **reader) must_check;
void reader_free(struct reader **reader);

/* Start the threads. */
enum status reader_start(struct reader *reader) must_check;
/* Ask for an orderly end: finish the slot, carrier off, flush. Any thread; signal handlers use a
 * flag of their own. */
void reader_stop(struct reader *reader);
/* True once the run is over (duration, error, stop). */
bool reader_is_over(struct reader *reader);
/* Give up on an orderly end: wakes everything that waits for the radio. */
void reader_abort(struct reader *reader);
/* A thread hangs and cannot be waited for: neither join nor free, end the process. */
bool reader_is_forsaken(struct reader *reader);
/* Wait for all threads; the run's status with its detail recorded for status_detail(). */
enum status reader_join(struct reader *reader) must_check;
/* The run's status so far, detail recorded. */
enum status reader_status(struct reader *reader) must_check;

#endif
