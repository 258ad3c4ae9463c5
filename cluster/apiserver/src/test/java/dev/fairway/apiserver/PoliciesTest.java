// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Admission policies and the rules of custom kinds as a client meets them.
final class PoliciesTest {
  private static final String GROUP = "/apis/admissionregistration.k8s.io/v1/";
  private static final String CONSTRAINTS =
      "matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE,"
          + " UPDATE], resources: [configmaps]}]}";

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

  private static Api.Answer tryPolicy(String name, String spec) throws Exception {
    return api.post(
        GROUP + "validatingadmissionpolicies",
        "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata:"
            + " {name: "
            + name
            + "}, spec: {"
            + CONSTRAINTS
            + ", "
            + spec
            + "}}");
  }

  private static void policy(String name, String spec) throws Exception {
    var made = tryPolicy(name, spec);
    assertThat(made.code()).as(made.message()).isEqualTo(201);
  }

  /// Binds it in the namespace of the same name only.
  private static void bind(String name, String more) throws Exception {
    api.namespace(name, "only: " + name);
    var made =
        api.post(
            GROUP + "validatingadmissionpolicybindings",
            "{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding,"
                + " metadata: {name: "
                + name
                + "-binding}, spec: {policyName: "
                + name
                + ", matchResources: {namespaceSelector: {matchLabels: {only: "
                + name
                + "}}}, "
                + more
                + "}}");
    assertThat(made.code()).as(made.message()).isEqualTo(201);
  }

  private static Api.Answer map(String namespace, String name, String data) throws Exception {
    return api.create(
        namespace,
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: " + name + "}, data: {" + data + "}}");
  }

  @Test
  void aPolicyDeniesInUpstreamsWords() throws Exception {
    policy(
        "deny",
        "variables: [{name: big, expression: \"int(object.data.n) > 5\"}], validations:"
            + " [{expression: '!variables.big'}, {expression: 'object.data.n != \"4\"', message:"
            + " not four, reason: Forbidden}, {expression: 'object.data.n != \"3\"',"
            + " messageExpression: '\"three of \" + request.userInfo.username'}]");
    bind("deny", "validationActions: [Deny]");
    var big = map("deny", "m", "n: '9'");
    assertThat(big.code()).isEqualTo(422);
    assertThat(big.at("reason")).isEqualTo("Invalid");
    assertThat(big.message())
        .isEqualTo(
            "configmaps \"m\" is forbidden: ValidatingAdmissionPolicy 'deny' with binding"
                + " 'deny-binding' denied request: failed expression: !variables.big");
    var four = map("deny", "m", "n: '4'");
    assertThat(four.code()).isEqualTo(403);
    assertThat(four.message()).endsWith("denied request: not four");
    assertThat(map("deny", "m", "n: '3'").message()).endsWith("denied request: three of admin");
    assertThat(map("deny", "m", "o: '3'").message())
        .contains("expression '!variables.big' resulted in error: ")
        .contains("no such key: n");
    assertThat(map("deny", "m", "n: '1'").code()).isEqualTo(201);
    assertThat(map("default", "m", "n: '9'").code()).isEqualTo(201);
    var update = api.merge("/api/v1/namespaces/deny/configmaps/m", "{\"data\":{\"n\":\"7\"}}");
    assertThat(update.code()).isEqualTo(422);
  }

  @Test
  void aPolicyMayOnlyWarn() throws Exception {
    policy(
        "warn",
        "matchConditions: [{name: named, expression: 'object.metadata.name != \"free\"'}],"
            + " validations: [{expression: 'false', message: think again}]");
    bind("warn", "validationActions: [Warn, Audit]");
    var made = map("warn", "m", "a: b");
    assertThat(made.code()).isEqualTo(201);
    assertThat(made.warnings())
        .containsExactly(
            "Validation failed for ValidatingAdmissionPolicy 'warn' with binding 'warn-binding':"
                + " think again");
    assertThat(map("warn", "free", "a: b").warnings()).isEmpty();
  }

  @Test
  void parametersComeFromTheBinding() throws Exception {
    policy(
        "params",
        "paramKind: {apiVersion: v1, kind: ConfigMap}, validations: [{expression:"
            + " '!has(object.data.n) || int(object.data.n) <= int(params.data.most)',"
            + " messageExpression: '\"at most \" + params.data.most'}]");
    bind(
        "params",
        "validationActions: [Deny], paramRef: {name: limits, namespace: default,"
            + " parameterNotFoundAction: Deny}");
    assertThat(map("params", "m", "n: '1'").message())
        .endsWith(
            "denied request: no params found for policy binding with `Deny`"
                + " parameterNotFoundAction");
    assertThat(map("default", "limits", "most: '3'").code()).isEqualTo(201);
    assertThat(map("params", "m", "n: '4'").message()).endsWith("denied request: at most 3");
    assertThat(map("params", "m", "n: '3'").code()).isEqualTo(201);
  }

  @Test
  void failuresDoWhatThePolicySays() throws Exception {
    policy("open", "failurePolicy: Ignore, validations: [{expression: 'object.data.absent == 1'}]");
    bind("open", "validationActions: [Deny]");
    assertThat(map("open", "m", "a: b").code()).isEqualTo(201);
    var wrong = tryPolicy("wrong", "validations: [{expression: 'objct.data == 1'}]");
    assertThat(wrong.code()).isEqualTo(422);
    assertThat(wrong.message())
        .contains("spec.validations[0].expression: Invalid value: \"objct.data == 1\"")
        .contains("undeclared reference to 'objct'");
  }

  @Test
  void customKindsKeepTheirRules() throws Exception {
    var definition =
        api.post(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: widgets.example.com}
            spec:
              group: example.com
              names: {plural: widgets, kind: Widget}
              scope: Namespaced
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
                        x-kubernetes-validations:
                        - {rule: "self.min <= self.max", message: "min must not be above max"}
                        - {rule: "self.max < 100", messageExpression: "'max is ' + string(self.max)", fieldPath: .max}
                        properties:
                          min: {type: integer}
                          max: {type: integer}
                          color:
                            type: string
                            x-kubernetes-validations:
                            - {rule: self == oldSelf, message: is for good}
            """);
    assertThat(definition.code()).as(definition.message()).isEqualTo(201);
    String path = "/apis/example.com/v1/namespaces/default/widgets";
    String widget =
        "{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}, spec: {min: %d, max: %d,"
            + " color: red}}";
    var answer = api.post(path, widget.formatted(3, 2));
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (answer.code() == 404 && System.nanoTime() - deadline < 0) {
      Thread.onSpinWait();
      answer = api.post(path, widget.formatted(3, 2));
    }
    assertThat(answer.code()).isEqualTo(422);
    assertThat(answer.message())
        .isEqualTo(
            "Widget.example.com \"w\" is invalid: spec: Invalid value: \"object\": min must not be"
                + " above max");
    assertThat(api.post(path, widget.formatted(3, 300)).message())
        .isEqualTo(
            "Widget.example.com \"w\" is invalid: spec.max: Invalid value: \"object\": max is"
                + " 300");
    assertThat(api.post(path, widget.formatted(1, 2)).code()).isEqualTo(201);
    var changed = api.merge(path + "/w", "{\"spec\":{\"color\":\"blue\"}}");
    assertThat(changed.message())
        .isEqualTo(
            "Widget.example.com \"w\" is invalid: spec.color: Invalid value: \"blue\": is for"
                + " good");
    assertThat(api.merge(path + "/w", "{\"spec\":{\"min\":2}}").code()).isEqualTo(200);
  }
}
