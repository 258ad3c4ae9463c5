// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apimachinery.validation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apimachinery.CustomKinds;
import dev.fairway.apimachinery.Examples;
import dev.fairway.apimachinery.FieldError;
import dev.fairway.apimachinery.Kind;
import dev.fairway.apimachinery.StatusException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.ObjectNode;

class ValidatorTest {
  private static final String POD =
      "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: d}, spec: ";
  private static final String WEB =
      """
      {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: d}, spec: {
       selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}},
       spec: {containers: [{name: c, image: nginx}]}}}}\
      """;

  private static List<String> create(String yaml) {
    ObjectNode object = Examples.object(yaml);
    return Validator.create(Examples.kindOf(object), object).stream()
        .map(FieldError::toString)
        .toList();
  }

  private static List<String> update(String before, String after) {
    ObjectNode object = Examples.object(after);
    return Validator.update(Examples.kindOf(object), object, Examples.object(before)).stream()
        .map(FieldError::toString)
        .toList();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{} | spec.containers: Required value",
        "{containers: []} | spec.containers: Required value",
        "{containers: [{name: c}]} | spec.containers[0].image: Required value",
        "{containers: [{image: i}]} | spec.containers[0].name: Required value",
        "{containers: [{name: c, image: i}, {name: c, image: i}]} | spec.containers[1].name: Duplicate value: \"c\"",
        "{containers: [{name: c, image: i, ports: [{containerPort: 70000}]}]} | spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        "{containers: [{name: c, image: i, ports: [{containerPort: 1, protocol: X}]}]} | spec.containers[0].ports[0].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
        "{containers: [{name: c, image: i, volumeMounts: [{name: v, mountPath: /a}]}]} | spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
        "{restartPolicy: Sometimes, containers: [{name: c, image: i}]} | spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"Never\", \"OnFailure\"",
        "{containers: [{name: c, image: i, livenessProbe: {periodSeconds: 1}}]} | spec.containers[0].livenessProbe: Required value: must specify a handler type",
        "{containers: [{name: c, image: i, resources: {requests: {cpu: 2}, limits: {cpu: 1}}}]} | spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
        "{containers: [{name: c, image: i, env: [{value: x}]}]} | spec.containers[0].env[0].name: Required value",
        "{nodeSelector: {a: 'b c'}, containers: [{name: c, image: i}]} | spec.nodeSelector: Invalid value: \"b c\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
      })
  void podMistakes(String spec, String error) {
    assertThat(create(POD + spec + "}")).containsExactly(error);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "app: web}}, template | app: db}}, template | spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
        "name: web, | name: Web_1, | metadata.name: Invalid value: \"Web_1\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        "selector: {matchLabels: {app: web}}, | `` | spec.selector: Required value",
        "{name: c, image: nginx} | {name: c} | spec.template.spec.containers[0].image: Required value",
        "spec: {containers | spec: {restartPolicy: Never, containers | spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
        "spec: { | spec: {replicas: -1, | spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        "spec: { | spec: {strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}, | spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
      })
  void deploymentMistakes(String from, String to, String error) {
    assertThat(create(WEB.replaceFirst(java.util.regex.Pattern.quote(from), to)))
        .containsExactly(error);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: d}, spec: {}} | spec.ports: Required value",
        "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: d}, spec: {ports: [{port: 0}]}} | spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: d}, spec: {type: Foo, ports: [{port: 80}]}} | spec.type: Unsupported value: \"Foo\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: d}, data: {'a b': x}} | data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
        "{apiVersion: v1, kind: ConfigMap, metadata: {namespace: d}} | metadata.name: Required value: name or generateName is required",
        "{apiVersion: v1, kind: Node, metadata: {name: n, namespace: d}} | metadata.namespace: Forbidden: not allowed on this type",
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: 'a:b', namespace: d}, rules: [{apiGroups: [''], resources: [pods], verbs: []}]} | rules[0].verbs: Required value: verbs must contain at least one value",
        "{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: d}, spec: {template: {spec: {containers: [{name: c, image: i}]}}}} | spec.template.spec.restartPolicy: Unsupported value: \"Always\": supported values: \"OnFailure\", \"Never\"",
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i, namespace: d}, spec: {}} | spec: Invalid value: {}: either `defaultBackend` or `rules` must be specified",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: i, namespace: d}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: x}}]}]}} | spec.ingress[0].from[0].ipBlock.cidr: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: e, namespace: d}, addressType: IPv4, endpoints: [{addresses: ['::1']}]} | endpoints[0].addresses[0]: Invalid value: \"::1\": must be a valid IPv4 address",
      })
  void otherMistakes(String yaml, String error) {
    assertThat(create(yaml)).containsExactly(error);
  }

  @Test
  void goodObjectsPass() {
    assertThat(create(WEB)).isEmpty();
    assertThat(
            create(
                "{apiVersion: v1, kind: Node, metadata: {name: w0}, status: {conditions: [{}]}}"))
        .isEmpty();
    assertThat(
            create(
                "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: d}}"))
        .isEmpty();
    assertThat(
            create(
                """
                {apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: w0, namespace: kube-node-lease},
                 spec: {holderIdentity: w0, leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.000001Z'}}
                """))
        .isEmpty();
  }

  @Test
  void emptyListsMayBeLeftOut() {
    assertThat(
            create(
                "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice,"
                    + " metadata: {name: e, namespace: d}, addressType: IPv4}"))
        .isEmpty();
  }

  @Test
  void someThingsStay() {
    assertThat(update(WEB, WEB.replace("app: web", "app: x")))
        .containsExactly(
            "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"x\"}}: field is immutable");
    String pod = POD + "{containers: [{name: c, image: i}]}}";
    assertThat(update(pod, pod.replace("image: i", "image: j"))).isEmpty();
    assertThat(update(pod, POD + "{nodeName: w0, containers: [{name: c, image: i}]}}")).isEmpty();
    assertThat(update(pod, pod.replace("name: c", "name: x")))
        .singleElement()
        .asString()
        .startsWith("spec: Forbidden: pod updates may not change fields other than");
    String service =
        "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: d},"
            + " spec: {clusterIP: 10.32.0.5, ports: [{port: 80}]}}";
    assertThat(update(service, service.replace("0.5", "0.6")))
        .containsExactly(
            "spec.clusterIPs[0]: Invalid value: \"10.32.0.6\": may not change once set");
    String map =
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: d}, immutable: true, data: {a: b}}";
    assertThat(update(map, map.replace("a: b", "a: c")))
        .containsExactly("data: Forbidden: field is immutable when `immutable` is set");
  }

  @Test
  void customKindsFollowTheirSchema() {
    ObjectNode crd =
        Examples.object(
            """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: gadgets.example.com}
            spec:
              group: example.com
              scope: Cluster
              names: {plural: gadgets, kind: Gadget}
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
                          size: {type: integer, maximum: 9}
                          color: {type: string, enum: [red, blue]}
                          code: {type: string, pattern: '^[a-z]+$'}
            """);
    assertThat(Validator.create(Examples.kindOf(crd), crd)).isEmpty();
    Kind gadget = CustomKinds.of(crd).getFirst();
    ObjectNode object =
        Examples.yaml("{metadata: {name: g}, spec: {size: 10, color: green, code: A}}");
    assertThat(Validator.create(gadget, object))
        .extracting(FieldError::toString)
        .containsExactly(
            "spec.size: Invalid value: 10: should be less than or equal to 9",
            "spec.color: Unsupported value: \"green\": supported values: \"red\", \"blue\"",
            "spec.code: Invalid value: \"A\": should match '^[a-z]+$'");
    assertThat(Validator.create(gadget, Examples.yaml("{metadata: {name: g}, spec: {}}")))
        .extracting(FieldError::toString)
        .containsExactly("spec.size: Required value");
  }

  @Test
  void statusTellsAllCauses() {
    ObjectNode pod = Examples.object(POD + "{containers: [{name: C}]}}");
    Kind kind = Examples.kindOf(pod);
    StatusException error = StatusException.invalid(kind, "p", Validator.create(kind, pod));
    assertThat(error.status().toString())
        .startsWith(
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"
                + "\"Pod \\\"p\\\" is invalid: [spec.containers[0].name: Invalid value")
        .endsWith(
            "{\"reason\":\"FieldValueRequired\",\"message\":\"Required value\","
                + "\"field\":\"spec.containers[0].image\"}]},\"code\":422}");
  }
}
