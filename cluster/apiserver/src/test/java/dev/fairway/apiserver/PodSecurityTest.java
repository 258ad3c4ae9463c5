// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Pod security as a client meets it: rejections, warnings, labels of namespaces.
final class PodSecurityTest {
  private static final String LABEL = "pod-security.kubernetes.io/";
  private static final String WEB =
      "{containers: [{name: web, image: i, securityContext: {privileged: true}}]}";
  private static final String WHY =
      "privileged (container \"web\" must not set securityContext.privileged=true)";

  @TempDir static Path directory;
  private static TestServer server;
  private static Api api;

  @BeforeAll
  static void start() throws Exception {
    server = new TestServer(directory);
    api = new Api(server, "admin");
  }

  @AfterAll
  static void stop() {
    api.close();
    server.close();
  }

  private static Api.Answer pod(String namespace, String spec) throws Exception {
    return api.create(
        namespace, "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: " + spec + "}");
  }

  @Test
  void podsAreHeldToTheirNamespacesLevel() throws Exception {
    api.namespace("strict", LABEL + "enforce: baseline");
    var refused = pod("strict", WEB);
    assertThat(refused.code()).isEqualTo(403);
    assertThat(refused.message())
        .isEqualTo("pods \"web\" is forbidden: violates PodSecurity \"baseline:latest\": " + WHY);
    assertThat(refused.warnings()).isEmpty();
    var deployment =
        api.create(
            "strict",
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector:"
                + " {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: "
                + WEB
                + "}}}");
    assertThat(deployment.code()).as(deployment.message()).isEqualTo(201);
    assertThat(deployment.warnings())
        .containsExactly("would violate PodSecurity \"baseline:latest\": " + WHY);
    assertThat(pod("strict", "{containers: [{name: web, image: i}]}").code()).isEqualTo(201);
    var added =
        api.send(
            "PATCH",
            "/api/v1/namespaces/strict/pods/web/ephemeralcontainers",
            "application/strategic-merge-patch+json",
            "{\"spec\":{\"ephemeralContainers\":[{\"name\":\"web2\",\"image\":\"i\","
                + "\"securityContext\":{\"privileged\":true}}]}}");
    assertThat(added.message()).contains("violates PodSecurity");
    var labelled =
        api.merge(
            "/api/v1/namespaces/strict/pods/web", "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}");
    assertThat(labelled.code()).isEqualTo(200);
  }

  @Test
  void aWarningIsNoRejection() throws Exception {
    api.namespace("mild", LABEL + "warn: baseline, " + LABEL + "warn-version: v1.30");
    var made = pod("mild", WEB);
    assertThat(made.code()).isEqualTo(201);
    assertThat(made.warnings())
        .containsExactly("would violate PodSecurity \"baseline:v1.30\": " + WHY);
  }

  @Test
  void namespacesNameLevelsAndLearnOfPodsThatBreakThem() throws Exception {
    var wrong =
        api.post(
            "/api/v1/namespaces",
            "{apiVersion: v1, kind: Namespace, metadata: {name: wrong, labels: {"
                + LABEL
                + "enforce: low}}}");
    assertThat(wrong.message())
        .isEqualTo(
            "Namespace \"wrong\" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]:"
                + " Invalid value: \"low\": must be one of privileged, baseline, restricted");
    api.namespace("later", "");
    pod("later", WEB);
    var changed =
        api.merge(
            "/api/v1/namespaces/later",
            "{\"metadata\":{\"labels\":{\"" + LABEL + "enforce\":\"baseline\"}}}");
    assertThat(changed.code()).isEqualTo(200);
    assertThat(changed.warnings())
        .containsExactly(
            "existing pods in namespace \"later\" violate the new PodSecurity enforce level"
                + " \"baseline:latest\"",
            "web: privileged");
  }
}
