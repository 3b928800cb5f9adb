/* test_air_equipment.c - what the options give the tags, and access over the simulated air. */
#include "air_rig.h"

#include "config/status.h"

struct talk {
    struct rig rig;
    struct rig_link link;
    unsigned rn16, handle, cover;
    char bits[512];
};

static struct air_cfg cfg_of(int64_t seed)
{
    struct air_cfg cfg = rig_cfg(1);
    cfg.seed = seed;
    cfg.tag_user_words = 16;
    cfg.tag_epc_words = 8;
    cfg.tag_block_words = 2;
    strcpy(cfg.tag_access_password, "0a1B2c3D");
    strcpy(cfg.tag_kill_password, "DEADC0DE");
    strcpy(cfg.tag_key, "2B7E151628AED2A6ABF7158809CF4F3C");
    cfg.tag_write_us = 5000;
    cfg.tag_crypto_us = 30e3;
    return cfg;
}

/* The reply of n_bits after the last rise, into talk->bits.  out  false: there is none */
static bool hear(struct talk *talk, size_t n_bits, bool pilot)
{
    char levels[2048];
    struct rig_link link = talk->link;
    struct rig_reply reply = rig_find(&talk->rig);
    if (!reply.is_heard) {
        return false;
    }
    link.trext = pilot;
    rig_levels(&talk->rig, &reply, 500.0 / link.blf_khz, rig_n_levels(&link, n_bits), levels);
    rig_bits(levels, &link, n_bits, talk->bits);
    return true;
}

static void say(struct talk *talk, const char *bits, double listen_us)
{
    rig_command(&talk->rig, &talk->link, bits, strncmp(bits, "1000", 4) == 0);
    rig_wait(&talk->rig, listen_us);
}

static void say_to(struct talk *talk, const char *head, unsigned rn, double listen_us)
{
    char bits[512];
    strcpy(bits, head);
    rig_append(bits, rn, 16);
    rig_append(bits, rig_crc16(bits, strlen(bits)), 16);
    say(talk, bits, listen_us);
}

static unsigned ask_rn(struct talk *talk, unsigned rn)
{
    say_to(talk, "11000001", rn, 1500);
    assert_true(hear(talk, 32, false));
    assert_int_equal(rig_crc16(talk->bits, 16), rig_value(talk->bits + 16, 16));
    return rig_value(talk->bits, 16);
}

static void take_handle(struct talk *talk)
{
    char bits[64];
    rig_query(&talk->link, 0, 0, 0, 0, bits);
    say(talk, bits, 1100);
    assert_true(hear(talk, 16, false));
    talk->rn16 = rig_value(talk->bits, 16);
    rig_ack(talk->rn16, bits);
    say(talk, bits, 4000); /* T2 is 500 us after 3.6 ms */
    assert_true(hear(talk, 128, false));
    talk->handle = ask_rn(talk, talk->rn16);
}

static void open_talk(struct talk *talk, const struct air_cfg *cfg)
{
    memset(talk, 0, sizeof *talk);
    talk->link = rig_link_a;
    rig_open(&talk->rig, cfg, 2e6);
    rig_wait(&talk->rig, 2000);
    take_handle(talk);
}

static void say_write(struct talk *talk, unsigned word, unsigned value, double listen_us)
{
    char bits[64] = "1100001111";
    unsigned cover = ask_rn(talk, talk->handle);
    rig_append(bits, word, 8);
    rig_append(bits, value ^ cover, 16);
    say_to(talk, bits, talk->handle, listen_us);
}

static struct air_tag_memory memory_of(const struct talk *talk)
{
    struct air_tag_memory memory;
    air_tag_read_memory(talk->rig.air, 0, &memory);
    return memory;
}

static void equipment_is_as_the_options_say(void **state)
{
    (void)state;
    struct air_cfg cfg = cfg_of(4);
    struct air *air;
    struct air_tag_memory memory;
    strcpy(cfg.tag_lock, "20080");
    cfg.tag_xpc = true;
    assert_int_equal(air_new(&cfg, 2e6, 910e6, 1, 1, &air), ST_OK);
    air_tag_read_memory(air, 0, &memory);
    assert_int_equal(memory.access_password, 0x0A1B2C3D);
    assert_int_equal(memory.kill_password, 0xDEADC0DE);
    assert_int_equal(memory.lock_bits, 0x08C);
    assert_int_equal(memory.n_user_words, 16);
    assert_int_equal(memory.n_epc_words, 10);
    assert_int_equal(memory.epc_words[1], 0x3000);
    assert_int_equal(memory.tid_words[0], 0xE280);
    assert_int_equal(memory.xpc_w1, 0x0004);
    assert_int_equal(memory.state, AIR_TAG_READY);
    assert_true(memory.has_true_key);
    air_free(&air);
    cfg = rig_cfg(1); /* nothing asked for: nothing there, and the EPC has the room it needs */
    assert_int_equal(air_new(&cfg, 2e6, 910e6, 1, 1, &air), ST_OK);
    air_tag_read_memory(air, 0, &memory);
    assert_int_equal(memory.access_password, 0);
    assert_int_equal(memory.n_user_words, 0);
    assert_int_equal(memory.n_epc_words, 8);
    air_free(&air);
}

static void equipment_refuses_bad_texts(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        const char *text;
        enum status status;
    } rows[] = {{offsetof(struct air_cfg, tag_access_password), "1234567", ST_FORMAT},
                {offsetof(struct air_cfg, tag_access_password), "123456789", ST_FORMAT},
                {offsetof(struct air_cfg, tag_kill_password), "1234567g", ST_FORMAT},
                {offsetof(struct air_cfg, tag_lock), "0x080", ST_FORMAT},
                {offsetof(struct air_cfg, tag_lock), "03000", ST_RANGE}, /* TID: 11 to 00 */
                {offsetof(struct air_cfg, tag_key), "2B7E151628AED2A6ABF7158809CF4F3", ST_FORMAT},
                {offsetof(struct air_cfg, tag_key), " ", ST_FORMAT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct air_cfg cfg = rig_cfg(1);
        struct air *air;
        strcpy((char *)&cfg + rows[i].offset, rows[i].text);
        assert_int_equal(air_new(&cfg, 2e6, 910e6, 1, 1, &air), rows[i].status);
        assert_null(air);
    }
}

static void equipment_gives_a_share_another_key(void **state)
{
    (void)state;
    static const double ratios[] = {0, 0.25, 1};
    for (size_t k = 0; k < 3; k++) {
        struct air_cfg cfg = cfg_of(4);
        struct air *air;
        int n_wrong = 0;
        cfg.n_tags = 1000;
        cfg.tag_wrong_key_ratio = ratios[k];
        assert_int_equal(air_new(&cfg, 2e6, 910e6, 1, 1, &air), ST_OK);
        for (size_t i = 0; i < 1000; i++) {
            struct air_tag_memory memory;
            air_tag_read_memory(air, i, &memory);
            n_wrong += !memory.has_true_key;
        }
        double deviation = sqrt(1000 * ratios[k] * (1 - ratios[k]));
        assert_true(fabs(n_wrong - 1000 * ratios[k]) <= 4 * deviation);
        air_free(&air);
    }
}

/* Write, the reply 5 ms later with its pilot; then the Access of a wrong password. */
static void air_carries_access(void **state)
{
    (void)state;
    struct talk talk;
    struct air_cfg cfg = cfg_of(4);
    open_talk(&talk, &cfg);
    assert_int_equal(memory_of(&talk).state, AIR_TAG_OPEN);
    say_write(&talk, 3, 0xBEEF, 7000);
    assert_true(fabs(rig_find(&talk.rig).start_us - 5000) < 1);
    assert_true(hear(&talk, 33, true));
    assert_int_equal(talk.bits[0], '0');
    assert_int_equal(rig_value(talk.bits + 1, 16), talk.handle);
    assert_int_equal(memory_of(&talk).user_words[3], 0xBEEF);
    assert_int_equal(memory_of(&talk).n_access_heard, 2);
    char bits[64] = "11000110";
    unsigned cover = ask_rn(&talk, talk.handle);
    rig_append(bits, 0x0A1B ^ cover, 16);
    say_to(&talk, bits, talk.handle, 1500);
    assert_true(hear(&talk, 32, false));
    assert_int_equal(rig_value(talk.bits, 16), talk.handle);
    cover = ask_rn(&talk, talk.handle);
    strcpy(bits, "11000110");
    rig_append(bits, 0x2C3D ^ cover ^ 1u, 16);
    say_to(&talk, bits, talk.handle, 1500);
    assert_false(hear(&talk, 32, false));
    assert_int_equal(memory_of(&talk).state, AIR_TAG_ARBITRATE);
    rig_close(&talk.rig);
}

static void air_loses_power_in_the_middle_of_a_write(void **state)
{
    (void)state;
    int n_done = 0;
    for (int64_t seed = 1; seed <= 20; seed++) {
        struct talk talk;
        struct air_cfg cfg = cfg_of(seed);
        open_talk(&talk, &cfg);
        say_write(&talk, 3, 0xBEEF, 2500);
        rig_hold(&talk.rig, 0, 2000); /* the carrier is off */
        rig_wait(&talk.rig, 6000);
        assert_int_equal(memory_of(&talk).state, AIR_TAG_READY);
        unsigned word = memory_of(&talk).user_words[3];
        assert_true(word == 0 || word == 0xBEEF);
        n_done += word != 0;
        take_handle(&talk);
        rig_close(&talk.rig);
    }
    assert_in_range(n_done, 2, 18); /* 10 +- 3.6 sigma */
}

static void air_carries_in_process_replies(void **state)
{
    (void)state;
    struct talk talk;
    struct air_cfg cfg = cfg_of(4);
    open_talk(&talk, &cfg);
    say_to(&talk,
           "110101010010000000000000011000000000000000000000000000010000001000000011000001000"
           "0000101000001100000011100001000000010010000101"
           "0",
           talk.handle, 40e3);
    double command_us = talk.rig.last_rise_us;
    assert_true(fabs(rig_find(&talk.rig).start_us - 15e3) < 1);
    assert_true(hear(&talk, 41, true));
    assert_int_equal(rig_value(talk.bits, 9), 0x1C8); /* Barker, Done 0, Header 0 */
    talk.rig.last_rise_us += 15e3 + 1600;             /* the first is over */
    assert_true(fabs(talk.rig.last_rise_us + rig_find(&talk.rig).start_us - command_us - 30e3) < 1);
    assert_true(hear(&talk, 169, true));
    assert_int_equal(rig_value(talk.bits, 9), 0x1CA); /* Done */
    assert_int_equal(rig_value(talk.bits + 137, 16), talk.handle);
    assert_int_equal(rig_value(talk.bits + 153, 16), rig_crc16(talk.bits, 153));
    rig_close(&talk.rig);
}

static void air_loses_replies_that_were_carried_out(void **state)
{
    (void)state;
    int n_lost = 0;
    for (int64_t seed = 1; seed <= 20; seed++) {
        struct talk talk;
        struct air_cfg cfg = cfg_of(seed);
        cfg.tag_reply_loss_ratio = 0.5;
        memset(&talk, 0, sizeof talk);
        talk.link = rig_link_a;
        rig_open(&talk.rig, &cfg, 2e6);
        rig_wait(&talk.rig, 2000);
        char bits[64];
        rig_query(&talk.link, 0, 0, 0, 0, bits);
        say(&talk, bits, 1100);
        assert_true(hear(&talk, 16, false));
        unsigned rn16 = rig_value(talk.bits, 16);
        rig_ack(rn16, bits);
        say(&talk, bits, 4000);
        assert_true(hear(&talk, 128, false));
        say_to(&talk, "11000001", rn16, 1500);
        bool is_heard = hear(&talk, 32, false);
        assert_int_equal(memory_of(&talk).n_access_lost, !is_heard);
        assert_int_equal(memory_of(&talk).state, AIR_TAG_OPEN);
        n_lost += !is_heard;
        rig_close(&talk.rig);
    }
    assert_in_range(n_lost, 2, 18);
}

static void air_gives_too_little_power_to_write(void **state)
{
    (void)state;
    for (int margin_db = 3; margin_db <= 40; margin_db += 37) {
        struct talk talk;
        struct air_cfg cfg = cfg_of(4);
        cfg.tag_write_margin_db = margin_db;
        open_talk(&talk, &cfg);
        say_write(&talk, 3, 0xBEEF, 8000);
        bool is_weak = margin_db == 40;
        assert_true(hear(&talk, is_weak ? 41 : 33, true));
        assert_int_equal(rig_value(talk.bits, 9), is_weak ? 0x10B : talk.handle >> 8);
        assert_int_equal(memory_of(&talk).user_words[3], is_weak ? 0 : 0xBEEF);
        rig_close(&talk.rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equipment_is_as_the_options_say),
        cmocka_unit_test(equipment_refuses_bad_texts),
        cmocka_unit_test(equipment_gives_a_share_another_key),
        cmocka_unit_test(air_carries_access),
        cmocka_unit_test(air_loses_power_in_the_middle_of_a_write),
        cmocka_unit_test(air_carries_in_process_replies),
        cmocka_unit_test(air_loses_replies_that_were_carried_out),
        cmocka_unit_test(air_gives_too_little_power_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
