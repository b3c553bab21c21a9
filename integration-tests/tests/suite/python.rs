//! What the gateway owes every client, asked with boto3 and with requests made by hand. What each asserts is in its script.

use integration_tests::gateway::Upstream;

use crate::{on_both_upstreams, shared};

on_both_upstreams! {
    objects => |upstream| run(upstream, "objects");
    odd_keys => |upstream| run(upstream, "keys");
    ranges => |upstream| run(upstream, "ranges");
    multipart => |upstream| run(upstream, "multipart");
    checksums => |upstream| run(upstream, "checksums");
    checksums_of_parts => |upstream| run(upstream, "part_checksums");
    attributes => |upstream| run(upstream, "attributes");
    presigned => |upstream| run(upstream, "presigned");
    conditions => |upstream| run(upstream, "conditions");
    copies => |upstream| run(upstream, "copies");
    folders => |upstream| run(upstream, "folders");
    listing => |upstream| run(upstream, "listing");
    ten_thousand_keys => |upstream| run(upstream, "many_keys");
    versions => |upstream| run(upstream, "versions");
    locks => |upstream| run(upstream, "locks");
    tags => |upstream| run(upstream, "tags");
    bucket_settings => |upstream| run(upstream, "bucket_settings");
    settings_that_nobody_has_set => |upstream| run(upstream, "unset_settings");
    views_agree => |upstream| run(upstream, "views");
    views_of_random_objects_agree => |upstream| run(upstream, "views_random");
    refusals => |upstream| run(upstream, "refusals");
    held_back => |upstream| run(upstream, "held_back");
    raw_metadata => |upstream| run(upstream, "raw_metadata");
    uploads_without_content_length => |upstream| run(upstream, "unsized");
}

fn run(upstream: Upstream, name: &str) {
    let bucket = format!("python-{}", name.replace('_', "-"));
    let mut arguments = vec![bucket.as_str()];
    if upstream == Upstream::SeaweedFs {
        arguments.push("file-tree");
    }
    let script = format!("{name}.py");
    shared(upstream).account().run_script(&script, &arguments);
}
