// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

/// What is about to be done, in RBAC's words.
///
/// @param verb `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`;
///   the lower-case method for a path
/// @param resource the plural; empty for a path outside the resources
/// @param namespace empty for cluster-wide
/// @param name empty for a collection
/// @param path the path, if it names no resource
public record Access(
    String verb,
    String group,
    String resource,
    String subresource,
    String namespace,
    String name,
    String path) {

  public static Access ofPath(String verb, String path) {
    return new Access(verb, "", "", "", "", "", path);
  }

  public boolean isResource() {
    return !resource.isEmpty();
  }

  /// As RBAC rules write it: `pods/log`.
  String fullResource() {
    return subresource.isEmpty() ? resource : resource + "/" + subresource;
  }
}
