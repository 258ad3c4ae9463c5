/// Request bodies in the Kubernetes protobuf form, turned into JSON trees at the edge. Newer
/// kubectls send it for `create` subcommands, Go programs often; both take JSON for an answer.
///
/// Limits: read only; the kinds of the stable groups.
@NullMarked
package dev.fairway.apiserver.protobuf;

import org.jspecify.annotations.NullMarked;
