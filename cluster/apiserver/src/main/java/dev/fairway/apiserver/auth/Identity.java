// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import java.util.List;
import java.util.Map;

/// A proven caller.
///
/// @param extra what else the credential says, such as the pod a token is bound to
public record Identity(
    String user, String uid, List<String> groups, Map<String, List<String>> extra) {
  static final String MASTERS = "system:masters";
  static final String AUTHENTICATED = "system:authenticated";
  static final String NODES = "system:nodes";
  static final String SERVICE_ACCOUNTS = "system:serviceaccounts";
  static final String SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:";

  public Identity {
    groups = List.copyOf(groups);
    extra = Map.copyOf(extra);
  }

  boolean in(String group) {
    return groups.contains(group);
  }
}
