"""What Referee promises, and the tests that try to break each promise.

Each test named here carries `@pytest.mark.promise(NAME)`, and each that carries it is named here: see test_promises.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """One sentence, and the tests that attack it, as `file::function` below `tests/`."""

    sentence: str
    tests: tuple[str, ...]


PROMISES = {
    "one file": Promise(
        "No call and no trial changes any tracked file but the target.",
        (
            "sandbox/test_conformance.py::test_a_changed_frozen_file_is_a_crash_that_names_it",
            "sandbox/test_conformance.py::test_the_persons_checkout_and_the_snapshot_are_not_written",
            "server/test_measuring.py::test_a_trial_that_changes_a_frozen_file_is_a_crash_that_names_it",
            "session/test_verify_commits.py::test_a_commit_that_changes_a_second_file_is_named",
            "sandbox/test_caches.py::test_a_cache_over_a_frozen_file_or_outside_the_project_is_refused",
        ),
    ),
    "frozen judge": Promise(
        "What is measured is the base commit plus the draft, whatever happens in the checkout, before or during it.",
        (
            "session/test_hostile_repository.py::test_a_whole_session_springs_no_trap_and_measures_with_the_true_judge",
            "session/test_interference.py::test_the_judge_of_the_checkout_may_be_edited_meanwhile",
            "session/test_interference.py::test_a_target_replaced_by_a_link_is_neither_read_nor_written_through",
            "session/test_interference_snapshot.py::test_a_snapshot_that_is_changed_while_a_trial_runs_makes_it_a_crash_and_is_mended",
            "server/test_measuring.py::test_declared_inputs_are_seen_and_a_change_refuses_the_next_run_by_name",
            "sandbox/test_caches.py::test_a_world_that_was_prepared_before_its_caches_were_filled_is_built_anew",
            "sandbox/test_prepared.py::test_a_world_whose_inputs_were_replaced_is_built_anew",
            "server/test_sealed.py::test_a_private_file_changed_in_the_state_is_named_and_put_back",
            "session/test_closure.py::test_an_input_that_is_changed_while_a_trial_runs_makes_it_a_crash_and_refuses_the_next",
            "session/test_closure.py::test_one_byte_changed_between_two_runs_is_named_and_refused_until_it_is_put_back",
            "session/test_closure.py::test_one_byte_changed_while_no_server_runs_is_named_and_refused",
            "session/test_closure.py::test_one_byte_of_the_snapshot_with_its_time_put_back_is_named_and_measures_nothing",
        ),
    ),
    "confined trial": Promise(
        "Code under test writes only to its scratch; reads no secret; has no network unless allowed; nothing of it "
        "outlives the trial.",
        (
            "sandbox/test_containment.py::test_a_file_outside_cannot_be_read",
            "sandbox/test_containment.py::test_a_file_outside_cannot_be_written",
            "sandbox/test_containment.py::test_a_secret_in_the_home_cannot_be_read",
            "sandbox/test_containment.py::test_no_connection_reaches_the_machine",
            "sandbox/test_containment.py::test_no_capability_and_no_way_to_one_is_left",
            "sandbox/test_containment.py::test_the_server_can_be_neither_signalled_nor_traced_nor_read",
            "sandbox/test_death.py::test_a_daemon_that_ignores_signals_is_dead_before_the_result",
            "server/test_measuring.py::test_nothing_is_carried_from_one_trial_to_the_next",
            "sandbox/test_cache_store.py::test_a_link_on_the_way_to_a_cache_is_not_followed",
            "sandbox/test_cache_store.py::test_links_pipes_sockets_and_files_with_two_names_are_not_kept",
            "sandbox/test_caches.py::test_what_a_trial_does_to_its_caches_reaches_neither_the_store_nor_the_next_trial",
            "sandbox/test_gpu_trial.py::test_other_devices_stay_closed",
            "sandbox/test_gpu_trial.py::test_the_rest_of_the_machine_is_as_closed_as_without_gpus",
            "sandbox/test_gpu_trial.py::test_without_gpus_no_node_is_given",
            "sandbox/test_ways.py::test_a_cover_cannot_be_written",
            "sandbox/test_ways.py::test_nothing_else_of_a_closed_folder_exists",
            "server/test_caches.py::test_the_baseline_fills_its_caches_and_a_trial_sees_them_but_nothing_of_another_trial",
            "session/test_opening_inputs.py::test_an_input_that_holds_a_socket_is_refused_and_one_that_gets_a_socket_has_changed",
            "sandbox/test_jailed_target.py::test_the_folder_of_pipes_cannot_be_changed_by_the_target",
            "sandbox/test_jailed_target.py::test_the_target_sees_what_is_exposed_and_nothing_of_the_command",
            "sandbox/test_two_phases.py::test_a_secret_does_not_stay_in_the_log_of_the_phase_that_has_it",
            "sandbox/test_two_phases.py::test_nothing_of_the_first_phase_lives_when_the_second_begins",
            "sandbox/test_two_phases.py::test_private_files_exist_for_the_second_phase_alone",
            "server/test_holdout.py::test_hidden_data_are_in_no_trial_no_reader_and_no_log",
            "server/test_holdout.py::test_no_tool_and_no_trial_reaches_the_result",
            "server/test_proxied.py::test_the_evaluator_has_private_data_and_the_target_has_not",
            "server/test_proxied.py::test_with_private_data_nothing_falls",
            "server/test_retain.py::test_no_trial_sees_what_another_left",
            "server/test_sealed.py::test_a_secret_reaches_the_score_phase_alone",
            "server/test_sealed.py::test_what_is_private_is_in_no_reader_and_no_log",
            "sandbox/test_two_phases.py::test_a_secret_does_not_stay_in_the_reason_or_a_name",
            "server/test_proxied.py::test_with_private_data_an_evaluator_that_reads_the_text_is_refused",
            "server/test_sealed.py::test_private_words_in_a_reason_are_for_people_alone",
            "server/test_sealed.py::test_private_words_in_the_reason_of_a_failed_baseline_are_for_people_alone",
            "session/test_executed.py::test_private_files_in_a_folder_that_every_trial_sees_are_refused",
            "session/test_feedback.py::test_what_a_reason_quotes_is_left_out",
        ),
    ),
    "bounded trial": Promise(
        "Wall clock and output are limited; a trial that ignores signals still ends on time.",
        (
            "sandbox/test_conformance.py::test_a_trial_that_sleeps_is_stopped_at_its_time_limit",
            "sandbox/test_conformance.py::test_a_flood_of_output_is_stopped_and_the_log_stays_small",
            "server/test_measuring.py::test_a_trial_that_ignores_signals_ends_at_its_limit_as_a_timeout",
            "sandbox/test_cache_store.py::test_more_than_the_limits_allow_is_a_crash_and_not_kept",
            "sandbox/test_caches.py::test_what_a_trial_writes_to_its_cache_counts_as_written",
            "sandbox/test_jailed_target.py::test_a_target_that_never_answers_ends_at_the_deadline",
            "sandbox/test_jailed_target.py::test_memory_of_the_target_counts",
        ),
    ),
    "earned keep": Promise(
        "Only a measured draft that the rule accepts is kept; the number comes from Referee's own run.",
        (
            "server/test_state_machine.py::test_keep_compares_bytes_and_not_history",
            "server/test_state_machine.py::test_a_simpler_trial_that_is_equal_may_be_kept_and_a_worse_one_not",
            "server/test_measuring.py::test_a_number_that_was_not_cleanly_reported_is_a_crash",
            "server/test_measuring.py::test_a_guard_that_fails_keeps_an_improvement_out",
            "sandbox/test_adapters.py::test_a_call_cannot_change_what_its_output_is_checked_against",
            "sandbox/test_carry.py::test_a_boolean_of_an_array_counts_once_whatever_its_byte",
            "sandbox/test_carry.py::test_a_value_of_a_subclass_arrives_as_its_plain_type",
            "sandbox/test_jailed_target.py::test_the_target_cannot_report",
            "sandbox/test_standin.py::test_what_the_target_does_to_an_argument_is_not_seen",
            "sandbox/test_standin_forgeries.py::test_a_forgery_that_pays_in_one_process_does_not_pay_through_the_stand_in",
            "sandbox/test_standin_forgeries.py::test_a_list_of_names_that_is_none_is_refused",
            "sandbox/test_standin_forgeries.py::test_a_pipe_that_was_replaced_is_not_opened",
            "sandbox/test_standin_forgeries.py::test_a_target_cannot_quietly_end_a_loop_of_the_evaluator",
            "sandbox/test_standin_forgeries.py::test_a_target_replaces_no_name_of_an_evaluator_that_executes_it_in_its_own_namespace",
            "sandbox/test_standin_forgeries.py::test_a_target_that_speaks_the_protocol_itself_gains_nothing",
            "sandbox/test_standin_forgeries.py::test_calls_that_is_a_link_is_not_written",
            "sandbox/test_standin_forgeries.py::test_importing_every_name_of_the_target_is_refused",
            "sandbox/test_two_phases.py::test_the_first_phase_cannot_report",
            "sandbox/test_two_phases.py::test_the_target_and_all_else_that_the_first_phase_left_do_not_exist_for_the_second",
            "sandbox/test_two_phases.py::test_what_cannot_pass_is_a_crash_that_names_it",
            "server/test_proxied.py::test_no_forgery_changes_the_score",
            "server/test_sealed.py::test_no_forgery_changes_the_score",
            "sandbox/test_output.py::test_what_is_said_outside_the_channels_in_force_is_no_metric",
            "server/test_echo.py::test_an_echo_is_a_crash_and_never_a_score",
            "server/test_proxied.py::test_a_check_of_the_targets_text_holds_because_the_level_falls",
            "session/test_executed.py::test_a_score_command_that_could_execute_an_artifact_is_refused",
            "session/test_executed.py::test_data_that_the_command_could_execute_is_refused",
        ),
    ),
    "whole log": Promise(
        "Every trial and every call is in the journal, every trial in the results, in order; an edited, cut or "
        "reordered journal is noticed and named.",
        (
            "server/test_calls.py::test_every_changing_call_and_every_refusal_stands_in_the_journal",
            "session/test_verify.py::test_any_changed_byte_is_noticed_and_its_line_named",
            "session/test_verify.py::test_a_metric_changed_with_the_whole_chain_computed_anew_is_named",
            "session/test_verify.py::test_records_cut_off_at_the_end_are_noticed_by_the_head_file",
            "session/test_verify.py::test_two_swapped_lines_are_both_named",
            "session/test_verify_commits.py::test_an_edited_row_is_named_with_file_and_line",
            "server/test_retain.py::test_a_stored_file_that_was_changed_removed_or_added_is_named",
        ),
    ),
    "nothing lost": Promise(
        "Killed at any instant, the server comes back to the same session, loses no kept commit, no row and no draft, "
        "counts nothing twice, and leaves no process behind.",
        (
            "server/test_kill.py::test_a_server_killed_at_any_point_of_a_trial_loses_nothing",
            "sandbox/test_death.py::test_a_server_killed_with_9_leaves_no_process_and_no_folder",
            "server/test_running_trial.py::test_a_server_that_ends_in_a_trial_closes_it_as_interrupted_and_it_may_run_again",
            "sandbox/test_cache_store.py::test_what_a_killed_run_left_half_stored_is_replaced",
            "sandbox/test_prepared.py::test_a_prepared_world_goes_with_whoever_is_killed",
            "server/test_caches.py::test_a_session_that_is_taken_up_again_finds_its_caches",
            "server/test_retain.py::test_a_server_that_dies_between_record_and_store_is_healed_at_the_next_start",
            "server/test_retain.py::test_what_a_trial_left_survives_the_server_until_it_is_decided",
        ),
    ),
    "hard budget": Promise(
        "No call sequence gets one trial or second more than the budget allows.",
        (
            "server/test_spent_budget.py::test_a_used_up_budget_refuses_edits_and_runs_and_lets_the_rest_finish",
            "server/test_spent_budget.py::test_dollars_end_the_session_when_the_first_report_reaches_the_limit",
            "server/test_spent_budget.py::test_crashes_in_a_row_end_the_session",
            "server/test_measuring.py::test_the_wall_clock_budget_cuts_the_trial_that_would_outlast_it",
        ),
    ),
    "your work is yours": Promise(
        "Uncommitted files, index, branches and stashes of the person are never touched; nothing of their git "
        "configuration is executed.",
        (
            "session/test_person_is_untouched.py::test_nothing_of_the_person_differs_after_a_session",
            "session/test_hostile_repository.py::test_a_whole_session_springs_no_trap_and_measures_with_the_true_judge",
            "session/test_interference_results.py::test_results_replaced_by_a_link_leave_its_target_untouched",
            "session/test_interference_refs.py::test_a_branch_that_became_a_symbolic_ref_does_not_move_the_persons_branch",
            "sandbox/test_caches.py::test_the_persons_own_folders_of_these_names_are_neither_seen_nor_written",
        ),
    ),
    "honest about itself": Promise(
        "What this machine cannot protect is said before the first trial and in every record, and refused if the "
        "contract asks for it.",
        (
            "sandbox/test_probe.py::test_the_witness_outside_outweighs_the_word_inside",
            "sandbox/test_probe.py::test_a_protection_that_was_taken_away_is_not_called_enforced",
            "sandbox/test_probe.py::test_a_backend_that_lets_go_of_what_is_essential_is_not_used",
            "sandbox/test_limit_probes.py::test_a_limit_that_is_not_applied_is_not_called_enforced",
            "sandbox/test_remembered.py::test_anything_odd_counts_as_nothing_known",
            "sandbox/test_choice.py::test_a_protection_that_is_asked_for_and_absent_is_refused_with_what_was_found_and_what_to_do",
            "server/test_protections.py::test_json_holds_every_protection_with_state_evidence_and_remedy",
            "server/test_protections.py::test_a_limit_that_is_asked_for_and_missing_is_refused_before_anything_runs",
            "server/test_protections.py::test_a_server_opens_no_session_without_what_is_asked_for",
            "server/test_protections.py::test_every_trial_holds_the_states_that_its_server_found_and_the_journal_their_evidence",
            "server/test_protections.py::test_a_trial_whose_protections_were_changed_is_named",
            "sandbox/test_choice.py::test_less_than_the_minimum_is_refused_with_reasons",
            "sandbox/test_choice.py::test_a_backend_that_does_not_hold_is_not_used",
            "sandbox/test_choice.py::test_nothing_is_claimed_of_what_confines_nothing",
            "server/test_check.py::test_one_screen_tells_baseline_tag_protection_and_the_next_command",
            "sandbox/test_gpu_trial.py::test_a_gpu_that_is_not_there_is_refused_before_anything_runs",
            "server/test_gpu_shown.py::test_check_says_what_landlock_cannot_stop_a_users_own_trial_with_a_gpu_from_doing",
            "server/test_gpu_shown.py::test_no_session_is_opened_for_a_gpu_that_is_not_there",
            "server/test_attack.py::test_labels_that_the_target_can_read_are_named_without_being_a_payment",
            "server/test_attack.py::test_on_a_sound_sealed_evaluator_nothing_pays",
        ),
    ),
}
