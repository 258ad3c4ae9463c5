// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Judges by the RBAC objects in the store: allowed is what a role says that is bound to the
/// caller, in the namespace or for the whole cluster.
///
/// Limits: roles are read anew for each question, which is fine for the few callers that are not
/// the cluster's own parts; aggregated cluster roles are not put together.
public final class RbacRules implements Authorizer {
  private static final String GROUP = "rbac.authorization.k8s.io";

  private final Lookup lookup;

  public RbacRules(Lookup lookup) {
    this.lookup = lookup;
  }

  @Override
  public boolean allows(Identity identity, Access access) {
    for (JsonNode binding : lookup.all(GROUP, "ClusterRoleBinding")) {
      if (binds(binding, identity, "") && allows(role(binding, ""), access)) {
        return true;
      }
    }
    if (access.namespace().isEmpty() || !access.isResource()) {
      return false;
    }
    for (JsonNode binding : lookup.all(GROUP, "RoleBinding")) {
      String namespace = Trees.text(binding, "metadata", "namespace");
      if (namespace.equals(access.namespace())
          && binds(binding, identity, namespace)
          && allows(role(binding, namespace), access)) {
        return true;
      }
    }
    return false;
  }

  private @Nullable JsonNode role(JsonNode binding, String namespace) {
    String name = Trees.text(binding, "roleRef", "name");
    return Trees.text(binding, "roleRef", "kind").equals("Role")
        ? lookup.get(GROUP, "Role", namespace, name)
        : lookup.get(GROUP, "ClusterRole", "", name);
  }

  private static boolean binds(JsonNode binding, Identity identity, String namespace) {
    for (JsonNode subject : Trees.items(binding, "subjects")) {
      String name = Trees.text(subject, "name");
      boolean found =
          switch (Trees.text(subject, "kind")) {
            case "User" -> name.equals(identity.user());
            case "Group" -> identity.in(name);
            case "ServiceAccount" -> {
              String own = Trees.text(subject, "namespace");
              yield identity
                  .user()
                  .equals(
                      Identity.SERVICE_ACCOUNT_PREFIX
                          + (own.isEmpty() ? namespace : own)
                          + ":"
                          + name);
            }
            default -> false;
          };
      if (found) {
        return true;
      }
    }
    return false;
  }

  private static boolean allows(@Nullable JsonNode role, Access access) {
    for (JsonNode rule : Trees.items(role, "rules")) {
      boolean fits =
          access.isResource()
              ? lists(rule, "apiGroups", access.group())
                  && resource(rule, access)
                  && name(rule, access)
              : path(rule, access.path());
      if (fits && lists(rule, "verbs", access.verb())) {
        return true;
      }
    }
    return false;
  }

  private static boolean resource(JsonNode rule, Access access) {
    return lists(rule, "resources", access.fullResource())
        || (!access.subresource().isEmpty()
            && names(rule, "resources").contains("*/" + access.subresource()));
  }

  private static boolean name(JsonNode rule, Access access) {
    List<String> names = names(rule, "resourceNames");
    return names.isEmpty() || names.contains(access.name());
  }

  private static boolean path(JsonNode rule, String path) {
    for (String allowed : names(rule, "nonResourceURLs")) {
      if (allowed.equals("*")
          || allowed.equals(path)
          || (allowed.endsWith("*")
              && path.startsWith(allowed.substring(0, allowed.length() - 1)))) {
        return true;
      }
    }
    return false;
  }

  private static boolean lists(JsonNode rule, String field, String wanted) {
    List<String> names = names(rule, field);
    return names.contains("*") || names.contains(wanted);
  }

  private static List<String> names(JsonNode rule, String field) {
    return rule.path(field).valueStream().map(JsonNode::asString).toList();
  }
}
