/* budget_cases_friis.c - white paper, table A3.1-1: 7 cases. */
#include <math.h>

#include "protocol/budget_cases.h"

#define AS_PRINTED BUDGET_FLAG_OK, NULL, 0.0

const struct budget_case budget_cases_friis[] = {
    {"A3.1-1/case1", BUDGET_CASE_FORWARD, {1.0, 0.0, NAN}, 19.85, AS_PRINTED},
    {"A3.1-1/case1", BUDGET_CASE_BACKWARD, {1.0, 2.0, NAN}, 176.89, AS_PRINTED},
    {"A3.1-1/case2", BUDGET_CASE_FORWARD, {2.0, 0.0, NAN}, 68.05, AS_PRINTED},
    {"A3.1-1/case2", BUDGET_CASE_BACKWARD, {2.0, 2.0, NAN}, 606.48, AS_PRINTED},
    {"A3.1-1/case3", BUDGET_CASE_FORWARD, {3.0, 0.0, NAN}, 215.19, AS_PRINTED},
    {"A3.1-1/case3", BUDGET_CASE_BACKWARD, {3.0, 2.0, NAN}, 191.78, AS_PRINTED},
    {"A3.1-1/case4", BUDGET_CASE_FORWARD, {4.0, 0.0, NAN}, 215.19, AS_PRINTED},
    {"A3.1-1/case4", BUDGET_CASE_BACKWARD, {4.0, 2.0, NAN}, 1917.84, AS_PRINTED},
    {"A3.1-1/case5", BUDGET_CASE_FORWARD, {5.0, 0.0, NAN}, 680.48, AS_PRINTED},
    {"A3.1-1/case5", BUDGET_CASE_BACKWARD, {5.0, 2.0, NAN}, 606.48, AS_PRINTED},
    {"A3.1-1/case6", BUDGET_CASE_FORWARD, {6.0, 0.0, NAN}, 680.48, AS_PRINTED},
    {"A3.1-1/case6", BUDGET_CASE_BACKWARD, {6.0, 2.0, NAN}, 60.65, AS_PRINTED},
    {"A3.1-1/case7", BUDGET_CASE_FORWARD, {7.0, 0.0, NAN}, 680.48, AS_PRINTED},
    {"A3.1-1/case7", BUDGET_CASE_BACKWARD, {7.0, 2.0, NAN}, 606.48, AS_PRINTED},
};
const size_t budget_n_cases_friis = sizeof budget_cases_friis / sizeof *budget_cases_friis;
