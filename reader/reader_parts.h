/* reader_parts.h - the inside of struct reader, for reader*.c and the thread files only.
 *                                                                            layer: reader */
#ifndef READER_READER_PARTS_H
#define READER_READER_PARTS_H

#include <pthread.h>

#include "dsp/reply_wait.h"
#include "dsp/slip.h"
#include "radio/recorder.h"
#include "reader/host.h"
#include "reader/passive.h"
#include "reader/reader.h"
#include "reader/ring.h"
#include "reader/stats.h"
#include "reader/watchdog.h"

/* Of the lead: a real-time radio is fed in such steps, and a command may reach TX as late. */
#define READER_TX_STEP_RATIO 0.2

enum {
    IQ_BLOCKS = 512, /* pool; power of two: at one packet a block still a tenth of a second */
    IQ_BLOCK_SAMPLES = 4096,
    COMMAND_BITS_MAX = LIMIT_BITS, /* a BlockWrite of 255 words */
    EPC_REPLY_BITS = 128, /* PC, 96 bits, CRC: what is reckoned with until a tag says otherwise */
};

struct iq_item {            /* RX -> DSP -> PUBLISH (recording) -> RX */
    struct iq_block *block; /* NULL: the stream is over */
    int64_t arrival_ns;     /* wall clock, for host figures only */
};

struct heard_item { /* DSP -> INVENTORY */
    uint64_t id;
    bool gap;                              /* samples were lost in the window */
    bool lost;                             /* the receiver's clock is not known (any more) */
    double clock_ratio, clock_start_ticks; /* of the receiver; NaN: it has none of its own */
    int64_t arrival_ns;                    /* of the block with the last sample that counted */
    struct reply_result result;
};

struct progress { /* DSP -> INVENTORY, latest state only */
    pthread_mutex_t mutex;
    uint64_t id; /* listen it speaks of */
    int64_t not_before_tick;
    int64_t processed_tick;
    double expected_end_tick; /* of the reply that is being received; NaN */
};

enum command_kind {
    COMMAND_WHOLE = 0,
    COMMAND_BEGINS, /* its bits are a guess; nobody waits for it */
    COMMAND_REVISES /* takes the place of the one that began at start_tick, where it still can */
};

struct command_item { /* INVENTORY -> TX */
    enum command_kind kind;
    size_t n_bits;
    uint8_t bit[COMMAND_BITS_MAX];
    bool with_preamble;
    double start_tick;
    uint64_t id;
    int64_t arrival_ns; /* of the reply it answers; 0: none */
    bool after_silence; /* there was none */
};

struct carrier_item { /* INVENTORY, EMIT -> TX */
    int64_t tick;     /* where the ramp starts */
    bool on;
};

struct listen_item { /* INVENTORY -> DSP */
    uint64_t id;
    bool acquires; /* no reply is waited for: where is the command on the receiver's clock? */
    struct reply_listen listen;
    struct command_item command; /* that opens the window; looked at when the clocks are apart */
};

struct late_item { /* TX -> INVENTORY: command `id` could not be sent in time */
    uint64_t id;
    int64_t next_tick; /* first tick still free */
};

struct record_item { /* INVENTORY -> PUBLISH */
    bool over;
    struct record record;
};

struct reader {
    struct reader_cfg cfg;
    struct radio *radio;
    struct plan plan;
    double rate_sps;
    struct link link;
    double turnaround_ticks;
    struct slot_end slot_end; /* when an empty slot is one, and over */
    double edge_ticks;        /* a command's first edge begins so much before its tick */
    struct record_context context;
    struct tx_shape *shape;
    struct reply_rx *receiver;
    struct reply_wait
        *wait; /* over the receiver: replies up to 20 ms late; NULL: none are waited for */
    struct multiplex *multiplex; /* INVENTORY's; NULL: no time units */
    struct access *access;       /* INVENTORY's; NULL: tags are read and no more */
    struct auth *auth;           /* INVENTORY's; NULL: nobody is asked to authenticate */
    struct passive *passive;     /* FOLLOW's; NULL: this reader asks, or emits */
    struct emission_cfg emission_cfg;
    struct emission *emission; /* TX's; NULL: commands alone shape the carrier */
    struct slip *slip;         /* DSP's; NULL: transmit and receive share a clock */
    struct gate gate;
    double plan_offset_s; /* of the emission, after time 0 of the device */
    struct publish *publish;
    struct recorder *recorder; /* used by PUBLISH once the threads run */
    struct iq_block pool[IQ_BLOCKS];
    float _Complex *pool_samples;

    struct bell bell_rx, bell_dsp, bell_inventory, bell_tx, bell_publish;
    struct ring iq_free, iq_ready, iq_done, listens, heard, commands, carriers, lates, records;
    struct progress progress;
    _Atomic int64_t tx_horizon_tick; /* TX may send up to here */
    _Atomic int64_t tx_off_tick;     /* carrier off from here, INT64_MAX while the run goes on */
    _Atomic int64_t tx_sent_tick;    /* sent so far */
    atomic_bool stop_asked, over, radio_stopped, tx_over, stream_over;
    atomic_bool followed; /* the run's duration has been heard */
    atomic_bool forsaken; /* a thread hangs: do not wait for any, PUBLISH ends by itself */
    struct watchdog watchdog;
    atomic_uint_fast64_t dropped_records, dropped_blocks;
    struct stats_turnaround turnaround; /* TX writes, INVENTORY reads: own lock */
    struct stats_turnaround silence;    /* the same after empty slots */

    pthread_mutex_t status_mutex;
    enum status status; /* first failure of the run */
    char status_text[512];
    struct host_cpus cpus;
    pthread_t thread[5];
    unsigned n_threads;
    int64_t start_ns;
};

void *thread_rx(void *reader);
void *thread_dsp(void *reader);
void *thread_inventory(void *reader);
void *thread_emit(void *reader);    /* in its place when only a carrier is wanted */
void *thread_follow(void *reader);  /* in DSP's place when only listening */
void *thread_listen(void *reader);  /* in INVENTORY's */
void *thread_silence(void *reader); /* in TX's */
void *thread_tx(void *reader);
void *thread_publish(void *reader);

/* What is decided before a radio is opened: rate, blocks, and whether all of it is allowed.
 *   err ST_USAGE, ST_RANGE, those of plan_make and emit_plan */
enum status reader_radio_plan(struct reader *reader) must_check;
/*   pre rate_sps is set   err ST_USAGE, ST_RANGE too few samples a Tpri for this link */
enum status reader_rate_check(const struct reader *reader) must_check;
/* The turnaround in ticks, raised where the radio's blocks demand it, and the slot durations that
 * follow from it.   pre rate_sps and shape are set */
void reader_timing_set(struct reader *reader);

/* FOLLOW's decoder.   err ST_NO_MEMORY */
enum status reader_follow_set(struct reader *reader, const struct option_set *options) must_check;
/* Who is asked to authenticate, where cfg.keys says so.   err ST_NO_MEMORY, ST_UNSUPPORTED */
enum status reader_auth_set(struct reader *reader) must_check;
/* Record the run's first failure (with status_detail()) and begin the end. */
void reader_fail(struct reader *reader, enum status status);
/* RX or TX has come to its end with this status: a failure unless it was stopped, or the air's end. */
void reader_stream_over(struct reader *reader, enum status status);
void reader_tx_over(struct reader *reader, enum status status);
/* The run's duration has been received and worked off, and the far end has closed: nothing will come
 * that a command could be answered with. */
bool reader_is_deserted(struct reader *reader);
/* Hand a record to PUBLISH: real-time radios drop and count when the ring is full, others wait. */
void reader_record(struct reader *reader, const struct record *record);
/* Push and wait for room (non-real-time paths). False once the reader is over. */
bool reader_push_wait(struct reader *reader, struct ring *ring, const void *item);
/* Name of the calling thread, for top -H and debuggers: at most 15 characters. */
void reader_thread_name(const char *name);
int64_t reader_wall_ns(void);
/* CPU seconds of the process per wall second since the start. */
double reader_cpu_ratio(const struct reader *reader);
/* End the run on the air: carrier off from `tick` on, wait until it is, stop the radio, and take
 * what DSP still says until the stream is over. INVENTORY (or EMIT) only, last thing it does. */
void reader_wind_up(struct reader *reader, int64_t tick);

/* What timing.resolve_us stands for, us. */
double receiver_resolve_us(const struct run_cfg *run, const struct link *link);

/* From the last sample of a collision that was looked into to the start of the next command, us.
 *   in   is_read  an RN16 was told; otherwise a QueryRep takes the place of the ACK that has begun */
double receiver_answer_us(const struct run_cfg *run, const struct link *link, bool is_read);

/* How much later any other command starts than that QueryRep: the ACK begun has gone out in vain. */
double receiver_vain_us(const struct run_cfg *run, const struct link *link);

/* From a reply's end to the answer's start, us, where it came out of a collision; to where it would start if its
 * bits were not put in later, on a radio that wants samples lead_us (> 0) ahead.
 *   in   start_margin_tpri  dsp.start_margin_tpri */
double receiver_collision_us(const struct run_cfg *run, const struct link *link,
                             double start_margin_tpri, double lead_us);

/* The reply receiver for the run's radio and link: told to leave out what a real-time radio has no time for.
 *   err ST_NO_MEMORY */
enum status receiver_new(struct reader *reader) must_check;

#endif
