// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.node.ObjectNode;

class KindsTest {
  @Test
  void everyKindHasASchema() {
    Set<String> seen = new HashSet<>();
    for (Kind kind : Kinds.builtin().all()) {
      assertThat(kind.schema().fields()).as(kind.kind()).containsKeys("apiVersion", "kind");
      assertThat(seen.add(kind.apiVersion() + "/" + kind.plural())).as(kind.plural()).isTrue();
    }
    assertThat(Kinds.builtin().groups()).startsWith("", "apiregistration.k8s.io", "apps");
  }

  @Test
  void keysAreUpstreams() {
    assertThat(Examples.kind("v1", "Pod").key("default", "web"))
        .isEqualTo("/registry/pods/default/web");
    assertThat(Examples.kind("v1", "Node").key(null, "w0")).isEqualTo("/registry/minions/w0");
    assertThat(Examples.kind("v1", "Service").keyPrefix("a"))
        .isEqualTo("/registry/services/specs/a/");
    assertThat(Examples.kind("v1", "Endpoints").keyPrefix(null))
        .isEqualTo("/registry/services/endpoints/");
    assertThat(Examples.kind("apps/v1", "Deployment").groupResource())
        .isEqualTo("deployments.apps");
  }

  @Test
  void readsDefinitionsOfCustomKinds() {
    ObjectNode crd =
        Examples.object(
            """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: gadgets.example.com}
            spec:
              group: example.com
              scope: Namespaced
              names: {plural: gadgets, kind: Gadget, shortNames: [gd]}
              versions:
              - name: v1
                served: true
                storage: true
                schema:
                  openAPIV3Schema:
                    type: object
                    properties:
                      spec:
                        type: object
                        required: [size]
                        properties:
                          size: {type: integer, minimum: 1, maximum: 9}
                          color: {type: string, default: red, enum: [red, blue]}
                          free: {type: object, x-kubernetes-preserve-unknown-fields: true}
                subresources: {status: {}}
            """);
    List<Kind> kinds = CustomKinds.of(crd);
    assertThat(kinds).hasSize(1);
    Kind gadget = kinds.getFirst();
    assertThat(gadget.key("d", "g")).isEqualTo("/registry/example.com/gadgets/d/g");
    assertThat(requireNonNull(gadget.subresource("status")).verbs()).contains("update");
    Kinds all = Kinds.builtin().with(kinds);
    assertThat(all.byKind("example.com", "v1", "Gadget")).isSameAs(gadget);
    ObjectNode object =
        Examples.yaml(
            "{metadata: {name: g, namespace: d}, spec: {size: 3, x: 1, free: {a: {b: 1}}}}");
    Decoder.Decoded decoded = Decoder.check(gadget, object, FieldValidation.WARN);
    assertThat(decoded.warnings()).containsExactly("unknown field \"spec.x\"");
    Defaults.apply(gadget, object);
    assertThat(object.get("spec").toString())
        .isEqualTo("{\"size\":3,\"free\":{\"a\":{\"b\":1}},\"color\":\"red\"}");
  }
}
