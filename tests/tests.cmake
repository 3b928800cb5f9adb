# tests.cmake - every tests/test_*.c is a cmocka program and a ctest; fuzz_*.c are fuzz targets
enable_testing()
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

# slow textbook references (ref_*.c) that several tests and the benchmarks measure with
file(GLOB reference_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/ref_*.c)
add_library(zp_reference STATIC ${reference_sources} ${CMAKE_SOURCE_DIR}/tests/slot_tdma.c)
target_include_directories(zp_reference PUBLIC ${CMAKE_SOURCE_DIR})
target_link_libraries(zp_reference PUBLIC zp_protocol)

file(GLOB test_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/test_*.c)
foreach(source ${test_sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} zp_reader zp_reference PkgConfig::CMOCKA)
    target_compile_definitions(${name} PRIVATE
        ZP_GOLDEN_DIR="${CMAKE_SOURCE_DIR}/tests/golden" ZP_BUILD_DIR="${CMAKE_BINARY_DIR}"
        ZP_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 600) # a machine may be busy; none takes so long on a quiet one
endforeach()

# a device that runs in real time wants the machine to itself
set_tests_properties(test_radio_uhd test_radio_uhd_faults test_program_uhd PROPERTIES RUN_SERIAL TRUE)

# fuzz targets: with ZP_FUZZ (clang) libFuzzer drives them; without, fuzz_driver.c replays files and
# makes seeded random inputs, so that every build runs them
file(GLOB fuzz_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz_*.c)
list(FILTER fuzz_sources EXCLUDE REGEX fuzz_driver.c)
foreach(source ${fuzz_sources})
    get_filename_component(name ${source} NAME_WE)
    if(ZP_FUZZ)
        add_executable(${name} ${source})
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(${name} ${source} ${CMAKE_SOURCE_DIR}/tests/fuzz_driver.c)
        add_test(NAME ${name} COMMAND ${name} 2000)
    endif()
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(${name} zp_reader)
endforeach()

# a software USRP that stock libuhd finds on loopback addresses, with the simulated air behind it
file(GLOB softusrp_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/softusrp_*.c)
list(FILTER softusrp_sources EXCLUDE REGEX "softusrp_(main|rig)\\.c$")
add_library(zp_softusrp STATIC ${softusrp_sources})
target_include_directories(zp_softusrp PUBLIC ${CMAKE_SOURCE_DIR})
target_link_libraries(zp_softusrp PUBLIC zp_radio_air PkgConfig::JANSSON)
add_executable(softusrp ${CMAKE_SOURCE_DIR}/tests/softusrp_main.c)
set_target_properties(softusrp PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(softusrp zp_softusrp)

# the far end of --radio zmq, for tests that run the reader as a program
add_executable(zmq_field ${CMAKE_SOURCE_DIR}/tests/zmq_field.c)
set_target_properties(zmq_field PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(zmq_field zp_radio)
add_dependencies(test_radio_zmq zmq_field)

# whole-program tests run the built zpreader and zmq_field; some want the contract's fixed ports
add_library(zp_program STATIC ${CMAKE_SOURCE_DIR}/tests/program.c
    ${CMAKE_SOURCE_DIR}/tests/program_event.c ${CMAKE_SOURCE_DIR}/tests/softusrp_rig.c)
target_include_directories(zp_program PUBLIC ${CMAKE_SOURCE_DIR})
target_compile_definitions(zp_program PUBLIC ZP_BUILD_DIR="${CMAKE_BINARY_DIR}")
target_link_libraries(zp_program PUBLIC zp_radio_air PkgConfig::CMOCKA PkgConfig::JANSSON)
foreach(name test_program test_program_access test_program_auth test_program_bad test_program_bistatic
        test_program_captures test_program_coverage test_program_decode test_program_guard
        test_program_linkbudget test_program_plan test_program_population test_program_probe
        test_program_select test_program_tdma test_program_topologies test_program_zmq
        test_slot_durations)
    target_link_libraries(${name} zp_program)
    add_dependencies(${name} zpreader zmq_field)
    set_tests_properties(${name} PROPERTIES RESOURCE_LOCK ports)
endforeach()

# tests over stock libuhd: each has loopback addresses of its own
target_link_libraries(test_softusrp_unit zp_softusrp)
target_link_libraries(fuzz_softusrp zp_softusrp)
add_library(zp_uhd_host STATIC ${CMAKE_SOURCE_DIR}/tests/uhd_host.c)
target_include_directories(zp_uhd_host PUBLIC ${CMAKE_SOURCE_DIR})
target_link_libraries(zp_uhd_host PUBLIC PkgConfig::UHD PkgConfig::CMOCKA)
foreach(name test_softusrp test_softusrp_faults test_softusrp_reader test_softusrp_split test_radio_uhd
        test_radio_uhd_faults test_program_uhd)
    target_link_libraries(${name} zp_uhd_host zp_program)
    add_dependencies(${name} zpreader softusrp)
endforeach()
# over stock libuhd against the software USRP, on a loopback address of its own; in real time
target_link_libraries(test_softusrp_guard zp_program)
add_dependencies(test_softusrp_guard zpreader softusrp)
set_tests_properties(test_softusrp_guard PROPERTIES RUN_SERIAL TRUE)
target_link_libraries(test_program_probe_uhd zp_program)
add_dependencies(test_program_probe_uhd zpreader softusrp)
set_tests_properties(test_program_probe_uhd PROPERTIES RUN_SERIAL TRUE)

# zpreader-bench: tests/bench_*.c
file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/bench_*.c)
add_executable(zpreader-bench ${bench_sources})
target_include_directories(zpreader-bench PRIVATE ${LIQUID_INCLUDE_DIR})
target_link_libraries(zpreader-bench zp_reader zp_reference)
add_dependencies(zpreader-bench softusrp)
add_dependencies(test_bench zpreader-bench)

# over stock libuhd with a slowed clock, or many runs of the program: minutes; sanitizers do without
set_tests_properties(test_program_bistatic test_program_guard test_program_probe
    test_program_probe_uhd test_program_select test_program_uhd test_radio_uhd
    test_radio_uhd_faults test_reply_rx_near test_softusrp test_softusrp_faults test_softusrp_guard
    test_softusrp_reader test_softusrp_split
    PROPERTIES LABELS slow)
