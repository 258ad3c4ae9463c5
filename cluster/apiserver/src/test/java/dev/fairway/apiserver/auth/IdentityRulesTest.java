// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.ObjectNode;

final class IdentityRulesTest {
  private static final Identity NODE =
      new Identity("system:node:w0", "", List.of("system:nodes", "system:authenticated"), Map.of());

  /// Pods named after the node they are on; no pod is on `none`.
  static Lookup pods() {
    return new Lookup() {
      @Override
      public ObjectNode get(String group, String kind, String namespace, String name) {
        if (name.equals("none")) {
          return null;
        }
        ObjectNode pod = Trees.object();
        pod.putObject("spec").put("nodeName", name);
        return pod;
      }

      @Override
      public List<ObjectNode> all(String group, String kind) {
        return List.of();
      }
    };
  }

  @ParameterizedTest
  @CsvSource({
    "get, pods, '', w1, true",
    "list, secrets, '', '', true",
    "patch, pods, status, w0, true",
    "patch, pods, status, w1, false",
    "delete, pods, '', w0, true",
    "delete, pods, '', w1, false",
    "delete, pods, '', none, true",
    "create, pods, '', '', false",
    "create, pods, eviction, w1, false",
    "deletecollection, pods, '', '', false",
    "create, nodes, '', '', true",
    "patch, nodes, status, w0, true",
    "patch, nodes, status, w1, false",
    "delete, nodes, '', w1, false",
    "deletecollection, nodes, '', '', false",
    "update, leases, '', w0, true",
    "patch, leases, '', kube-scheduler, false",
    "create, serviceaccounts, token, default, true",
    "create, events, '', '', true",
    "update, secrets, '', w0, false",
  })
  void aNodeWritesOnlyWhatIsItsOwn(
      String verb, String resource, String subresource, String name, boolean allowed) {
    Access access = new Access(verb, "", resource, subresource, "default", name, "");
    assertThat(new IdentityRules(pods()).allows(NODE, access)).isEqualTo(allowed);
  }
}
