// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import java.util.List;
import java.util.Set;
import java.util.function.BiPredicate;
import tools.jackson.databind.node.ObjectNode;

/// The cluster's own parts and what each may do: one list, first match wins. People and service
/// accounts beyond it are judged by the RBAC objects, see [RbacRules].
public final class IdentityRules implements Authorizer {
  private static final Set<String> READ = Set.of("get", "list", "watch");
  private static final Set<String> WRITE = Set.of("create", "update", "patch", "delete");
  private static final Set<String> OPEN_PATHS =
      Set.of("/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz");
  private static final Set<String> SELF_REVIEWS =
      Set.of("selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews");
  private static final Set<String> NODE_WRITES =
      Set.of(
          "nodes",
          "nodes/status",
          "pods",
          "pods/status",
          "pods/eviction",
          "events",
          "leases",
          "csinodes",
          "serviceaccounts/token",
          "services/status",
          "ingresses/status",
          "tokenreviews",
          "subjectaccessreviews",
          "certificatesigningrequests");

  private record Rule(String who, BiPredicate<Identity, Access> allows) {}

  private final Lookup lookup;

  private final List<Rule> rules =
      List.of(
          new Rule("administrators", (who, _) -> who.in(Identity.MASTERS)),
          new Rule("controllers", (who, _) -> who.user().equals("system:kube-controller-manager")),
          new Rule("the scheduler", (who, _) -> who.user().equals("system:kube-scheduler")),
          new Rule("nodes read", (who, what) -> who.in(Identity.NODES) && isRead(what)),
          new Rule(
              "nodes report",
              (who, what) ->
                  who.in(Identity.NODES)
                      && NODE_WRITES.contains(what.fullResource())
                      && WRITE.contains(what.verb())
                      && isOwn(who.node().orElse(""), what)),
          new Rule(
              "anyone discovers",
              (who, what) ->
                  who.in(Identity.AUTHENTICATED) && !what.isResource() && isOpen(what.path())),
          new Rule(
              "anyone asks about itself",
              (who, what) ->
                  who.in(Identity.AUTHENTICATED)
                      && what.verb().equals("create")
                      && SELF_REVIEWS.contains(what.resource())));

  public IdentityRules(Lookup lookup) {
    this.lookup = lookup;
  }

  @Override
  public boolean allows(Identity identity, Access access) {
    for (Rule rule : rules) {
      if (rule.allows().test(identity, access)) {
        return true;
      }
    }
    return false;
  }

  /// A node that was taken over must not take the others with it. Whose token it may have is judged
  /// where the token is made.
  private boolean isOwn(String node, Access access) {
    return switch (access.resource()) {
      case "nodes", "csinodes", "leases" ->
          access.name().isEmpty() ? access.verb().equals("create") : access.name().equals(node);
      case "pods" -> {
        ObjectNode pod = lookup.get("", "Pod", access.namespace(), access.name());
        yield !access.name().isEmpty()
            && (pod == null || Trees.text(pod, "spec", "nodeName").equals(node));
      }
      default -> true;
    };
  }

  private static boolean isRead(Access access) {
    // Through a proxy one reads what a pod serves, which is not the cluster's.
    return READ.contains(access.verb())
        && access.isResource()
        && !access.fullResource().endsWith("/proxy");
  }

  private static boolean isOpen(String path) {
    int second = path.indexOf('/', 1);
    return OPEN_PATHS.contains(second < 0 ? path : path.substring(0, second));
  }
}
