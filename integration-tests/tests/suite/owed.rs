//! What an S3 client is owed, in 41 sentences, each with the tests that hold it. It knows where tests are, not what
//! they do.

use crate::scan;

/// What is owed, and `file: test` for each test of it; `suite` is this folder, `gateway` that crate's `src`.
const OWED: [(&str, &[&str]); 41] = [
    // Who asks.
    (
        "Signature Version 4 in headers, URLs, forms and every payload form, and Version 2 in URLs and forms, need no setting; Version 2 in headers needs one; Version 4A is refused.",
        &[
            "gateway/sigv4/vectors: put_object_in_signed_chunks_with_a_trailer",
            "suite/signatures: version_2_urls_as_boto3_makes_them",
            "suite/signatures: version_2_headers_are_a_setting",
            "suite/signatures: post_forms_in_every_detail",
            "gateway/sigv4/verify/tests/mod: other_mechanisms_are_named",
        ],
    ),
    (
        "A header `x-amz-…` that was not signed is refused and named; one that says how the body is signed only ever makes checks stricter.",
        &[
            "gateway/sigv4/verify/tests/mod: unsigned_amz_headers_are_refused_and_listed",
            "gateway/sigv4/verify/tests/payload: an_unsigned_content_sha256_only_makes_a_presigned_url_stricter",
            "gateway/sigv4/verify/tests/mod: host_must_be_signed",
            "suite/signatures: version_4_urls_in_every_detail",
        ],
    ),
    (
        "Signatures are compared in constant time, and an unknown key costs what a wrong signature does.",
        &[
            "gateway/sigv4/key: a_signature_matches_itself_only",
            "gateway/sigv4/verify/tests/mod: nobodys_secret_opens_nothing",
        ],
    ),
    (
        "Clocks may differ by 15 minutes, URLs live from a second to a week, and date, service and region must fit.",
        &[
            "gateway/sigv4/verify/tests/mod: clocks_may_differ_by_a_quarter_of_an_hour",
            "gateway/sigv4/verify/tests/mod: a_presigned_url_ends_at_its_time",
            "gateway/sigv4/verify/tests/mod: the_scope_must_fit_the_request",
            "gateway/sigv4/verify/tests/mod: regions_are_a_list",
        ],
    ),
    (
        "Keys are bytes: slashes, dots, plus signs, encoded characters and both forms of an umlaut come back as they went, by every operation.",
        &[
            "suite/python: odd_keys",
            "gateway/sigv4/canonical/tests: paths_are_encoded_once_and_never_normalised",
            "gateway/s3/names: keys_are_bytes_of_utf8_up_to_1024",
        ],
    ),
    (
        "A bucket in the path and one in the host name are the same, over HTTP/1.1 and HTTP/2.",
        &["suite/signatures: buckets_in_the_host_name"],
    ),
    (
        "The payload's form is what x-amz-content-sha256 says and nothing else; aws-chunked is no coding of the object.",
        &[
            "gateway/sigv4/verify/tests/payload: the_payload_is_what_content_sha256_says",
            "gateway/s3/headers/tests: aws_chunked_is_not_part_of_the_object",
        ],
    ),
    (
        "An upload needs no Content-Length where its decoded length is told; without either it is refused with 411.",
        &["suite/python: uploads_without_content_length"],
    ),
    (
        "One signed chunk of 1 GiB takes no more memory than a small one.",
        &["suite/transport: one_signed_chunk_of_1_gib_takes_no_memory"],
    ),
    (
        "A signature, checksum or length that turns out wrong at the last byte leaves no object, version or part.",
        &[
            "suite/python: held_back",
            "gateway/sigv4/aws_chunked/tests: the_last_bytes_of_a_wrong_chunk_are_not_handed_out",
        ],
    ),
    (
        "Framing that two readers might read differently is refused, and the connection ends where the body was not read.",
        &[
            "gateway/sigv4/aws_chunked/tests: malformed_framing_is_refused",
            "gateway/sigv4/aws_chunked/tests: trailers_come_as_announced_or_not_at_all",
            "gateway/sigv4/aws_chunked/tests: bytes_after_the_end_are_refused",
            "suite/transport: continue_early_errors_and_silence",
        ],
    ),
    // What is asked.
    (
        "Every operation of the service model is told from the others; unknown sub-resources and headers are refused.",
        &["suite/routes: every_operation_of_the_service_model_is_told_from_the_others"],
    ),
    (
        "Documents are read strictly, decided upon key by key, and written anew for the store.",
        &[
            "gateway/s3/xml/mod: refuses_what_two_readers_might_read_differently",
            "gateway/s3/xml/requests: delete_documents",
            "gateway/s3/xml/requests: complete_documents",
            "gateway/s3/form/tests: what_is_no_form_is_refused",
        ],
    ),
    (
        "A copy needs leave to read its source and to write its place, and never crosses tenants.",
        &[
            "suite/tenants: tenants_do_not_see_each_other",
            "suite/tenants: roles_are_what_they_say",
        ],
    ),
    (
        "What is refused as a whole is answered with its S3 error, and nothing of it is asked of the store.",
        &[
            "suite/routes: what_is_refused_is_not_asked_of_the_store",
            "suite/routes: what_is_read_as_never_set_is_not_asked_of_the_store",
        ],
    ),
    (
        "Customer-provided keys are refused and never dropped; other encryption is met and answered truthfully.",
        &[
            "gateway/s3/headers/tests: what_might_change_the_meaning_is_refused",
            "suite/python: views_agree",
        ],
    ),
    // What is seen.
    (
        "Size and ETag of an object are the same wherever they are shown, however it was written.",
        &["suite/python: views_of_random_objects_agree"],
    ),
    (
        "No ETag passes for an MD5, and every answer says under which key the object is sealed.",
        &[
            "gateway/s3/etag: the_mapping_is_a_bijection_and_never_shows_a_bare_md5",
            "suite/python: views_agree",
        ],
    ),
    (
        "The clients of docs/clients.md work with nothing but the endpoint and the credentials set.",
        &["suite/clients/page: the_page_of_clients_is_what_runs"],
    ),
    (
        "aws s3 sync and mv of large objects work from what listings say.",
        &["suite/clients/aws_cli: aws"],
    ),
    (
        "Checksums come back when they are asked for, of the whole object or of the part named, and never with a range.",
        &[
            "suite/python: checksums",
            "gateway/s3/reads: checksums_are_asked_for_in_any_case",
        ],
    ),
    (
        "All ten algorithms are verified; the checksum of an object in parts is what S3 defines; what Complete states is compared.",
        &[
            "gateway/checksum/value: published_check_values",
            "gateway/checksum/verifier: broken_promises_are_named",
            "suite/python: checksums_of_parts",
        ],
    ),
    (
        "A client's checksums, tokens and headers of its own hop never reach the store.",
        &["suite/broken_store: nothing_of_a_clients_hop_reaches_the_store"],
    ),
    (
        "Ranges of GET and HEAD are those of RFC 9110 on the plaintext, with S3's own rules for several ranges and for nothing.",
        &[
            "suite/python: ranges",
            "gateway/s3/range: forms_of_rfc_9110",
            "gateway/s3/range: empty_objects_follow_amazon",
        ],
    ),
    (
        "A part is read by its number, with the object's ETag and the number of parts; a single upload is its own one part.",
        &[
            "suite/python: attributes",
            "gateway/s3/reads: part_numbers_are_from_1_to_10000_and_go_with_no_range",
        ],
    ),
    (
        "No byte leaves before it is authenticated, and damage breaks the connection and never ends it cleanly short.",
        &[
            "suite/hostile/objects: flipped_bits",
            "suite/hostile/objects: truncated_and_extended",
            "suite/hostile/scripts: exact_plaintext_or_an_error_under_random_scripts",
            "suite/broken_store: an_object_replaced_meanwhile_breaks_the_answer_off",
        ],
    ),
    (
        "Conditions work with the ETags that are shown, in every spelling; response-… parameters change the answer.",
        &[
            "suite/python: conditions",
            "gateway/s3/etag: conditions_keep_stars_and_lists",
            "suite/python: presigned",
        ],
    ),
    // What is written.
    (
        "Parts come in any order, of any length from none at all, again, and with gaps in their numbers; only Complete judges their lengths.",
        &[
            "suite/python: multipart",
            "suite/python: views_of_random_objects_agree",
        ],
    ),
    (
        "What ListParts says is enough to complete an upload, also after a restart.",
        &["suite/crash: kill_during_a_1_gib_upload_leaves_no_object"],
    ),
    (
        "A slow Complete or copy is answered with blanks, then with its result or its error; asked again it says the same.",
        &[
            "suite/broken_store: a_slow_store_does_not_leave_the_client_without_a_word",
            "suite/broken_store: a_200_that_means_no_is_no",
            "suite/broken_store: a_lie_about_a_completed_object_is_no_missing_upload",
        ],
    ),
    (
        "Conditional writes are decided by the store, once, and refused where the store ignores conditions.",
        &[
            "suite/python: conditions",
            "suite/broken_store: conditions_that_the_store_ignores_are_not_offered",
        ],
    ),
    (
        "A copy within a tenant moves no bytes, keeps metadata and tags as it is told, and works onto itself.",
        &["suite/python: copies"],
    ),
    (
        "The file of a form streams, every condition of its policy counts, and its answer is the one that the form asks for.",
        &[
            "suite/signatures: post_forms_in_every_detail",
            "suite/memory: a_form_of_512_mib_stays_under_128_mib",
            "gateway/s3/form/tests: every_condition_must_hold_and_every_field_have_one",
        ],
    ),
    (
        "2 KB of user metadata, of any bytes, come back; more is refused, and the names of the envelope are reserved.",
        &[
            "suite/python: raw_metadata",
            "gateway/s3/headers/tests: metadata_is_bytes_with_a_limit_and_a_reserved_prefix",
        ],
    ),
    (
        "Empty objects and folder markers have the size 0, and nothing of the gateway's own is ever listed.",
        &[
            "suite/python: objects",
            "suite/python: listing",
            "suite/python: multipart",
        ],
    ),
    // How it travels.
    (
        "100 Continue is sent once policy permits and never before; who is refused early reads the error and not a reset.",
        &["suite/transport: continue_early_errors_and_silence"],
    ),
    (
        "The store is sent lengths, no codings, no redirects followed, and headers from a list only.",
        &[
            "suite/broken_store: nothing_of_a_clients_hop_reaches_the_store",
            "suite/broken_store: redirects_end_here",
            "gateway/sigv4/sign: odd_keys_and_queries_verify_at_the_store",
        ],
    ),
    (
        "A write is sent to the store once; a read that breaks goes on from there; a store that is away is 503.",
        &[
            "suite/broken_store: a_read_that_got_no_answer_is_repeated_and_a_write_is_not",
            "suite/broken_store: a_read_that_breaks_off_is_asked_for_again_from_there",
            "suite/broken_store: a_store_that_does_not_answer_in_time_is_busy",
        ],
    ),
    (
        "A silent client is told so, a slow reader holds little, and one that leaves takes its upload with it.",
        &[
            "suite/transport: continue_early_errors_and_silence",
            "suite/transport: readers_that_stop_hold_little",
            "suite/broken_store: a_client_that_goes_away_takes_its_upload_with_it",
            "suite/broken_store: a_form_whose_client_goes_away_leaves_no_upload",
            "suite/disconnects: a_read_ends_with_its_client",
            "suite/disconnects: uploads_end_with_their_client",
            "suite/disconnects: copies_end_with_their_client",
        ],
    ),
    (
        "Pages of listings are the store's but for sizes and ETags, and the largest is read by the strictest parser.",
        &[
            "suite/clients/javascript: the_largest_page",
            "gateway/s3/xml/listing: an_element_left_out_takes_nothing_with_it",
            "suite/python: ten_thousand_keys",
            "suite/listings: a_page_costs_the_store_one_request",
        ],
    ),
    (
        "Whatever of this the public conformance tests find otherwise is listed with its reason.",
        &["suite/owed: every_expected_failure_of_the_conformance_tests_has_a_reason"],
    ),
];

#[test]
fn everything_that_is_owed_has_its_tests() {
    let sources = scan::workspace();
    let missing: Vec<&str> = OWED
        .iter()
        .flat_map(|(owed, tests)| {
            assert!(!tests.is_empty(), "nothing tests that: {owed}");
            tests.iter().copied()
        })
        .filter(|named| {
            let (file, test) = named.split_once(": ").expect("a file and a test");
            let file = match file.split_once('/') {
                Some(("suite", rest)) => format!("integration-tests/tests/suite/{rest}.rs"),
                Some((name, rest)) => format!("{name}/src/{rest}.rs"),
                None => panic!("{named} is in no folder"),
            };
            let mut found = sources.iter().filter(|source| source.path == file);
            !found.any(|source| has_test(&source.text, test))
        })
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}

/// Whether a file has a test of this name: a function that is marked as one, or a line of one of the macros that
/// make tests.
fn has_test(text: &str, name: &str) -> bool {
    let function = format!("fn {name}(");
    let mut before = "";
    text.lines().map(str::trim).any(|line| {
        let marked = before.starts_with("#[test]") || before.starts_with("#[tokio::test");
        before = line;
        let in_macro = line == name
            || line.starts_with(&format!("{name} =>"))
            || line.starts_with(&format!("row!({name};"));
        in_macro || (marked && line.contains(&function))
    })
}

#[test]
fn every_expected_failure_of_the_conformance_tests_has_a_reason() {
    let list = scan::root().join("integration-tests/conformance/expected-failures.txt");
    let list = std::fs::read_to_string(list).expect("the list is there");
    for line in list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let fields: Vec<&str> = line.splitn(3, ": ").collect();
        let [test, place, reason] = fields[..] else {
            panic!("not `test: where: reason`: {line}");
        };
        assert!(test.starts_with("test_"), "{line}");
        assert!(
            ["gateway", "seaweedfs", "embedded"].contains(&place),
            "{line}"
        );
        assert!(reason.len() > 10 && !reason.ends_with(" yet"), "{line}");
    }
}
