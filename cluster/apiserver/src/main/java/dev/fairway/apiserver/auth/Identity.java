// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A proven caller.
///
/// @param extra what else the credential says, such as the pod a token is bound to
public record Identity(
    String user, String uid, List<String> groups, Map<String, List<String>> extra) {
  static final String MASTERS = "system:masters";
  static final String AUTHENTICATED = "system:authenticated";
  static final String NODES = "system:nodes";
  static final String NODE_PREFIX = "system:node:";
  static final String SERVICE_ACCOUNTS = "system:serviceaccounts";
  static final String SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:";

  /// The API server, where it acts by itself.
  public static final Identity SERVER =
      new Identity("system:apiserver", "", List.of(MASTERS), Map.of());

  public Identity {
    groups = List.copyOf(groups);
    extra = Map.copyOf(extra);
  }

  /// The name of the node this is, if it is one.
  public Optional<String> node() {
    return in(NODES) && user.startsWith(NODE_PREFIX)
        ? Optional.of(user.substring(NODE_PREFIX.length()))
        : Optional.empty();
  }

  boolean in(String group) {
    return groups.contains(group);
  }
}
