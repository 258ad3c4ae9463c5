// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.openapi;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apimachinery.Kinds;
import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.discovery.Discovery;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class DocumentsTest {
  private final OpenApi openApi = new OpenApi(Kinds.builtin());
  private final Discovery discovery = new Discovery(Kinds.builtin(), "10.240.0.10:6443");

  @Test
  void everyReferenceLeadsSomewhere() {
    for (String path : Trees.read(openApi.v3Index()).get("paths").propertyNames()) {
      JsonNode document = Trees.read(requireNonNull(openApi.v3(path)));
      JsonNode schemas = document.at("/components/schemas");
      for (JsonNode reference : document.findValues("$ref")) {
        if (reference.isString()) {
          String name = reference.stringValue().substring("#/components/schemas/".length());
          assertThat(schemas.get(name)).as(path + " " + name).isNotNull();
        }
      }
    }
  }

  @Test
  void saysWhatClientsLookFor() {
    JsonNode core = Trees.read(requireNonNull(openApi.v3("api/v1")));
    JsonNode patch =
        core.get("paths").get("/api/v1/namespaces/{namespace}/pods/{name}").get("patch");
    assertThat(patch.get("x-kubernetes-group-version-kind").toString())
        .isEqualTo("{\"group\":\"\",\"kind\":\"Pod\",\"version\":\"v1\"}");
    assertThat(patch.get("parameters").toString()).contains("fieldValidation", "dryRun");
    JsonNode containers =
        core.at("/components/schemas/io.k8s.api.core.v1.PodSpec/properties/containers");
    assertThat(containers.get("x-kubernetes-patch-merge-key").asString()).isEqualTo("name");
    assertThat(containers.get("items").toString())
        .isEqualTo(
            "{\"allOf\":[{\"$ref\":\"#/components/schemas/io.k8s.api.core.v1.Container\"}],\"default\":{}}");
    assertThat(core.at("/components/schemas/io.k8s.api.core.v1.Pod/properties/spec/description"))
        .as("a field without words of its own")
        .isEqualTo(core.at("/components/schemas/io.k8s.api.core.v1.PodSpec/description"));
    assertThat(openApi.v3("apis/none/v1")).isNull();
    assertThat(new String(openApi.v3Index(), java.nio.charset.StandardCharsets.UTF_8))
        .contains("/openapi/v3/apis/apps/v1?hash=" + openApi.v3Hash("apis/apps/v1"));
  }

  @Test
  void versionTwoExistsInBothForms() {
    JsonNode document = Trees.read(openApi.v2());
    assertThat(document.get("swagger").asString()).isEqualTo("2.0");
    assertThat(document.get("definitions").get("io.k8s.api.core.v1.Pod")).isNotNull();
    assertThat(openApi.v2Protobuf()).startsWith(0x0a, 0x03, '2', '.', '0');
  }

  @Test
  void discoveryNamesGroupsVersionsAndResources() {
    assertThat(
            Trees.read(discovery.api())
                .at("/serverAddressByClientCIDRs/0/serverAddress")
                .asString())
        .isEqualTo("10.240.0.10:6443");
    assertThat(
            Trees.read(discovery.apis()).at("/groups/1/preferredVersion/groupVersion").asString())
        .isEqualTo("apps/v1");
    assertThat(
            Trees.read(requireNonNull(discovery.group("batch")))
                .at("/versions/0/version")
                .asString())
        .isEqualTo("v1");
    JsonNode resources =
        Trees.read(requireNonNull(discovery.resources("apps", "v1"))).get("resources");
    assertThat(resources.findValuesAsString("name"))
        .contains("deployments", "deployments/scale", "deployments/status");
    JsonNode aggregated = Trees.read(discovery.aggregated(true, "v2"));
    assertThat(aggregated.at("/items/0/versions/0/resources")).hasSizeGreaterThan(15);
    assertThat(discovery.resources("apps", "v9")).isNull();
    assertThat(discovery.group("")).isNull();
  }
}
