/* test_inventory_steps.c - the state machine step by step: what it sends after what it heard, above all when
 * something was not sent. */
#include "tests/inventory_rig.h"

static struct inventory inventory; /* under test */
static struct inventory_step step; /* its last answer */

static void begin(const struct inventory_cfg *cfg)
{
    const struct link link = make_link(false);
    inventory_init(&inventory, cfg, &link);
}

static void advance(enum inventory_heard heard)
{
    const struct inventory_event event = {.heard = heard, .rn16 = 0x6C0A};
    inventory_advance(&inventory, &event, &step);
}

static void inventory_bad_epc_is_asked_again_then_refused(void **state)
{
    (void)state;
    struct inventory_cfg cfg = default_cfg();
    begin(&cfg);
    advance(HEARD_START);
    assert_int_equal(step.command.id, COMMAND_QUERY);
    assert_int_equal(step.command.query.q, 5);
    advance(HEARD_RN16);
    assert_int_equal(step.command.id, COMMAND_ACK);
    assert_int_equal(step.command.ack.rn, 0x6C0A);
    assert_false(step.slot.valid);
    advance(HEARD_EPC_BAD);
    assert_int_equal(step.command.id, COMMAND_ACK);
    assert_false(step.slot.valid);
    advance(HEARD_NOTHING);
    assert_int_equal(step.command.id, COMMAND_NAK);
    assert_int_equal(step.expect, REPLY_NONE);
    assert_true(step.slot.valid);
    assert_int_equal(step.slot.outcome, SLOT_CRC_ERROR); /* an EPC was there once */
    assert_true(step.slot.has_rn16);
    assert_int_equal(step.slot.rn16, 0x6C0A);
    advance(HEARD_SENT);
    assert_int_equal(step.command.id, COMMAND_QUERY_REP);
    assert_false(step.slot.valid);
    advance(HEARD_RN16);
    advance(HEARD_LATE);
    assert_int_equal(step.slot.outcome, SLOT_RN16_ONLY);
    assert_int_equal(step.slot.slot, 1);
    assert_int_equal(step.command.id, COMMAND_QUERY_REP);
    advance(HEARD_START); /* the field was down */
    assert_int_equal(step.command.id, COMMAND_QUERY);
    assert_true(step.ended_round.valid);
    assert_int_equal(step.ended_round.slots, 2);
}

/* The session's Select comes before every pass, masks after it, each with its action; the Query asks for
 * SL. */
static void inventory_masks_open_every_pass(void **state)
{
    (void)state;
    struct inventory_cfg cfg = default_cfg();
    cfg.session = 2;
    cfg.q_start = 0;
    cfg.n_masks = 2;
    cfg.mask[0] = (struct inventory_mask){2, 8, 12, {0x80, 0x10}, 0};
    cfg.mask[1] = (struct inventory_mask){1, 32, 16, {0x30, 0x34}, 2};
    cfg.truncated_epc_bits = 96;
    begin(&cfg);
    advance(HEARD_START);
    for (unsigned pass = 0; pass < 3; pass++) {
        assert_int_equal(step.command.id, COMMAND_SELECT);
        assert_int_equal(step.command.select.target, 2);
        assert_int_equal(step.command.select.n_mask_bits, 0);
        assert_int_equal(step.command.select.truncate, 0);
        advance(HEARD_SENT);
        assert_int_equal(step.command.id, COMMAND_SELECT);
        assert_int_equal(step.expect, REPLY_NONE);
        assert_int_equal(step.command.select.target, 4);
        assert_int_equal(step.command.select.truncate, 0);
        assert_int_equal(step.command.select.action, 0);
        assert_int_equal(step.command.select.mem_bank, 2);
        assert_int_equal(step.command.select.pointer, 8);
        assert_int_equal(step.command.select.n_mask_bits, 12);
        assert_int_equal(step.command.select.mask[0], 0x80);
        advance(HEARD_SENT);
        assert_int_equal(step.command.id, COMMAND_SELECT);
        assert_int_equal(step.command.select.action, 2);
        assert_int_equal(step.command.select.mem_bank, 1);
        assert_int_equal(step.command.select.truncate, 1); /* the last Select before the Query */
        advance(HEARD_SENT);
        assert_int_equal(step.command.id, COMMAND_QUERY);
        assert_int_equal(step.command.query.sel, 3);
        advance(HEARD_NOTHING); /* nobody: the next pass */
    }
}

/* One Select at the start, none after it, whatever gaps there are. */
static void inventory_start_selects_once_in_spite_of_gaps(void **state)
{
    (void)state;
    struct inventory_cfg cfg = default_cfg();
    cfg.session = 2;
    cfg.select_all = INVENTORY_SELECT_START;
    cfg.rounds_max = 3000;
    begin(&cfg);
    advance(HEARD_START);
    assert_int_equal(step.command.id, COMMAND_SELECT);
    advance(HEARD_SENT);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(step.command.id, COMMAND_QUERY);
        advance(HEARD_NOTHING);
        advance(HEARD_START); /* power is back */
    }
}

/* Masks come again after a gap, from where they stood; between the two Selects that set S1 anew the
 * second one is made up for. */
static void inventory_goes_on_with_selects_after_a_gap(void **state)
{
    (void)state;
    struct inventory_cfg cfg = default_cfg();
    cfg.session = 1;
    cfg.refreshes = true;
    cfg.select_all = 0;
    cfg.q_start = cfg.q_min = cfg.q_max = 0;
    cfg.times.idle_us = 400e3;
    cfg.times.collided_us = cfg.times.single_us = 1e3;
    cfg.n_masks = 2;
    cfg.mask[0] = (struct inventory_mask){1, 32, 8, {0x30}, 0};
    cfg.mask[1] = (struct inventory_mask){1, 32, 8, {0x31}, 1};
    begin(&cfg);
    advance(HEARD_START);
    assert_int_equal(step.command.select.action, 0);
    advance(HEARD_SENT);
    for (int k = 0; k < 3; k++) { /* the second mask does not go out */
        assert_int_equal(step.command.id, COMMAND_SELECT);
        assert_int_equal(step.command.select.action, 1);
        advance(HEARD_START);
    }
    advance(HEARD_SENT);
    assert_int_equal(step.command.id, COMMAND_QUERY);
    advance(HEARD_NOTHING); /* 400 ms went by */
    for (int k = 0; k < 2; k++) {
        assert_int_equal(step.command.id, COMMAND_SELECT);
        assert_int_equal(step.command.select.target, 1);
        assert_int_equal(step.command.select.action, 3);
        if (k == 0) {
            advance(HEARD_SENT);
            advance(HEARD_START); /* the second one did not go out: again */
        }
    }
    advance(HEARD_SENT);
    assert_int_equal(step.command.select.target, 4); /* masks, since time went by */
}

/* Where there is no room for the step, the field goes down instead of sending it: a round that was only
 * announced has never been, and S0 begins with A again. */
static void inventory_forgets_a_round_that_was_not_sent(void **state)
{
    (void)state;
    struct inventory_cfg cfg = default_cfg();
    cfg.q_start = cfg.q_min = cfg.q_max = 0;
    cfg.target = 2; /* dual */
    begin(&cfg);
    advance(HEARD_START);
    advance(HEARD_NOTHING); /* the frame was quiet: next pass, target B */
    assert_true(step.ended_round.valid);
    assert_int_equal(step.ended_round.round, 1);
    assert_int_equal(step.command.id, COMMAND_QUERY);
    assert_int_equal(step.command.query.target, 1);
    for (int k = 0; k < 3; k++) {
        advance(HEARD_START);
        assert_int_equal(step.command.id, COMMAND_QUERY);
        assert_int_equal(step.command.query.target, 0);
        assert_false(step.ended_round.valid);
        assert_false(step.slot.valid);
    }
    advance(HEARD_NOTHING);
    assert_true(step.ended_round.valid);
    assert_int_equal(step.ended_round.round, 2);
}

/* Flags of S1 to S3 outlast a hop: no Select sets them back in mid-pass, and the target stays. A Select
 * that was not sent is made up for. */
static void inventory_goes_on_with_a_pass_after_a_hop(void **state)
{
    (void)state;
    struct inventory_cfg cfg = default_cfg();
    cfg.session = 2;
    cfg.target = 2; /* dual */
    cfg.q_start = cfg.q_min = cfg.q_max = 0;
    begin(&cfg);
    for (int k = 0; k < 2; k++) { /* neither the first nor the second Select went out */
        advance(HEARD_START);
        assert_int_equal(step.command.id, COMMAND_SELECT);
    }
    advance(HEARD_SENT);
    assert_int_equal(step.command.id, COMMAND_QUERY);
    advance(HEARD_NOTHING); /* pass B */
    assert_int_equal(step.command.id, COMMAND_SELECT);
    advance(HEARD_SENT);
    assert_int_equal(step.command.query.target, 1);
    advance(HEARD_RN16);
    advance(HEARD_EPC); /* somebody is there: another frame, not sent any more */
    assert_int_equal(step.command.id, COMMAND_QUERY_ADJUST);
    assert_int_equal(step.command.query_adjust.updn, UPDN_SAME);
    for (int k = 0; k < 3; k++) {
        advance(HEARD_START);
        assert_int_equal(step.command.id, COMMAND_QUERY);
        assert_int_equal(step.command.query.target, 1);
    }
}

static void inventory_check_wants_q_in_order(void **state)
{
    (void)state;
    struct inventory_cfg cfg = default_cfg();
    assert_int_equal(inventory_check(&cfg), ST_OK);
    cfg.q_max = 3;
    assert_int_equal(inventory_check(&cfg), ST_RANGE);
    assert_non_null(strstr(status_detail(), "inventory.q_start"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inventory_bad_epc_is_asked_again_then_refused),
        cmocka_unit_test(inventory_masks_open_every_pass),
        cmocka_unit_test(inventory_start_selects_once_in_spite_of_gaps),
        cmocka_unit_test(inventory_goes_on_with_selects_after_a_gap),
        cmocka_unit_test(inventory_forgets_a_round_that_was_not_sent),
        cmocka_unit_test(inventory_goes_on_with_a_pass_after_a_hop),
        cmocka_unit_test(inventory_check_wants_q_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
