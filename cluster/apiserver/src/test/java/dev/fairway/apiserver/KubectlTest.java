// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apiserver.TestServer.Said;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The API as kubectl sees it.
final class KubectlTest {
  private static final String WEB =
      """
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web, labels: {app: web}}
      spec:
        replicas: 3
        selector: {matchLabels: {app: web}}
        template:
          metadata: {labels: {app: web}}
          spec: {containers: [{name: web, image: nginx, ports: [{containerPort: 80}]}]}
      ---
      apiVersion: v1
      kind: ServiceAccount
      metadata: {name: default}
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: one, labels: {app: web}}
      spec: {containers: [{name: c, image: busybox}]}
      """;

  @TempDir static Path directory;
  private static TestServer server;

  @BeforeAll
  static void start() throws Exception {
    server = new TestServer(directory);
    // No controllers run here, so nobody else makes it.
    ok(kubectls().getLast(), "default", "create", "serviceaccount", "default");
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  static List<String> kubectls() {
    return TestServer.kubectls();
  }

  private static String ok(String kubectl, String namespace, String... arguments) throws Exception {
    return okWith(kubectl, namespace, "", arguments);
  }

  private static String okWith(String kubectl, String namespace, String input, String... arguments)
      throws Exception {
    String[] all = new String[arguments.length + 2];
    all[0] = "-n";
    all[1] = namespace;
    System.arraycopy(arguments, 0, all, 2, arguments.length);
    Said said = server.kubectlAs("admin", kubectl, input, all);
    assertThat(said.exit()).as("%s: %s", List.of(arguments), said.all()).isZero();
    return said.out();
  }

  private static String namespace(String kubectl, String purpose) throws Exception {
    String name = purpose + Path.of(kubectl).getFileName().toString().replace('.', '-');
    ok(kubectl, "default", "create", "namespace", name);
    return name;
  }

  @ParameterizedTest
  @MethodSource("kubectls")
  void applyOnTheServer(String kubectl) throws Exception {
    String namespace = namespace(kubectl, "ssa-");
    String config =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {one: '1', two: '2'}\n";
    String[] apply = {"apply", "--server-side", "-f", "-"};
    assertThat(okWith(kubectl, namespace, config, apply))
        .isEqualTo("configmap/c serverside-applied\n");
    assertThat(okWith(kubectl, namespace, config.replace(", two: '2'", ""), apply))
        .isEqualTo("configmap/c serverside-applied\n");
    assertThat(ok(kubectl, namespace, "get", "configmap", "c", "-o", "jsonpath={.data}"))
        .isEqualTo("{\"one\":\"1\"}");
    ok(
        kubectl,
        namespace,
        "patch",
        "configmap",
        "c",
        "--type=merge",
        "-p",
        "{\"data\":{\"one\":\"x\"}}");
    Said refused =
        server.kubectlAs(
            "admin", kubectl, config, "-n", namespace, "apply", "--server-side", "-f", "-");
    assertThat(refused.exit()).isNotZero();
    assertThat(refused.all())
        .contains("Apply failed with 1 conflict: conflict with \"kubectl-patch\" using v1")
        .contains(".data.one");
    assertThat(
            okWith(
                kubectl,
                namespace,
                config,
                "apply",
                "--server-side",
                "--force-conflicts",
                "-f",
                "-"))
        .isEqualTo("configmap/c serverside-applied\n");
    assertThat(
            okWith(
                kubectl,
                namespace,
                config.replace("'1'", "'new'"),
                "apply",
                "--server-side",
                "--dry-run=server",
                "-f",
                "-"))
        .isEqualTo("configmap/c serverside-applied (server dry run)\n");
    assertThat(
            ok(
                kubectl,
                namespace,
                "get",
                "configmap",
                "c",
                "--show-managed-fields",
                "-o",
                "jsonpath={range .metadata.managedFields[*]}{.manager} {.operation} {.fieldsV1}{end}"))
        .isEqualTo("kubectl Apply {\"f:data\":{\"f:one\":{},\"f:two\":{}}}");

    // What was applied by the client before is taken over.
    okWith(kubectl, namespace, WEB, "apply", "-f", "-");
    assertThat(okWith(kubectl, namespace, WEB.replace("replicas: 3", "replicas: 4"), apply))
        .contains("deployment.apps/web serverside-applied");
    okWith(kubectl, namespace, WEB.replace("  replicas: 3\n", ""), apply);
    assertThat(
            ok(
                kubectl,
                namespace,
                "get",
                "deployment",
                "web",
                "-o",
                "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].ports[0].protocol}"))
        .isEqualTo("1 TCP");
  }

  @ParameterizedTest
  @MethodSource("kubectls")
  void anAppLivesItsWholeLife(String kubectl) throws Exception {
    String in = namespace(kubectl, "life-");
    assertThat(okWith(kubectl, in, WEB, "apply", "-f", "-")).contains("web created");
    assertThat(okWith(kubectl, in, WEB, "apply", "-f", "-")).contains("web unchanged");
    assertThat(ok(kubectl, in, "get", "deploy", "-o", "wide"))
        .contains("NAME", "READY", "UP-TO-DATE", "AVAILABLE", "IMAGES", "nginx");
    assertThat(ok(kubectl, in, "get", "pods")).contains("one", "0/1", "Pending");
    assertThat(ok(kubectl, in, "describe", "pod", "one")).contains("kube-api-access-");
    ok(kubectl, in, "scale", "deployment/web", "--replicas=5");
    ok(kubectl, in, "label", "pod", "one", "tier=front");
    ok(kubectl, in, "annotate", "pod", "one", "note=x");
    ok(kubectl, in, "set", "image", "deployment/web", "web=nginx:2");
    assertThat(
            ok(
                kubectl,
                in,
                "get",
                "deploy",
                "web",
                "-o",
                "jsonpath={.spec.replicas} "
                    + "{.metadata.generation} {.spec.template.spec.containers[0].image}"))
        .isEqualTo("5 3 nginx:2");
    assertThat(ok(kubectl, in, "get", "pods", "-l", "tier=front", "-o", "name"))
        .isEqualTo("pod/one\n");
    ok(kubectl, in, "expose", "deployment", "web", "--port=80", "--type=NodePort");
    assertThat(ok(kubectl, in, "describe", "service", "web")).contains("10.32.", "NodePort:");
    assertThat(ok(kubectl, in, "explain", "pod.spec.containers.image")).contains("image");
    ok(kubectl, in, "delete", "service,deployment", "web");
    ok(kubectl, in, "delete", "pod", "--all");
    assertThat(ok(kubectl, in, "get", "pods,services,deployments")).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("kubectls")
  void mistakesAreToldClearly(String kubectl) throws Exception {
    record Mistake(String input, String message, List<String> command) {
      Mistake(String input, String message, String... command) {
        this(input, message, List.of(command));
      }
    }
    String pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: %s\n";
    List<Mistake> mistakes =
        List.of(
            new Mistake("", "pods \"gone\" not found", "get", "pod", "gone"),
            new Mistake(
                "", "namespaces \"gone\" not found", "create", "configmap", "x", "-n", "gone"),
            new Mistake("", "this namespace may not be deleted", "delete", "ns", "default"),
            new Mistake("", "namespaces \"default\" already exists", "create", "ns", "default"),
            new Mistake(
                "kind: Nonsense\napiVersion: v1\nmetadata: {name: x}\n",
                "no matches for kind \"Nonsense\"",
                "apply",
                "-f",
                "-"),
            new Mistake(
                pod.formatted("x", "{containers: [{name: c, image: i, imag: j}]}"),
                "unknown field \"spec.containers[0].imag\"",
                "apply",
                "-f",
                "-"),
            new Mistake(
                pod.formatted("Bad_Name", "{containers: [{name: c, image: i}]}"),
                "metadata.name: Invalid value: \"Bad_Name\"",
                "apply",
                "-f",
                "-"),
            new Mistake(
                pod.formatted("x", "{containers: []}"),
                "spec.containers: Required value",
                "apply",
                "-f",
                "-"),
            new Mistake(
                "",
                "provided IP is already allocated",
                "create",
                "service",
                "clusterip",
                "twice",
                "--tcp=80",
                "--clusterip=10.32.0.1"));
    for (Mistake mistake : mistakes) {
      Said said =
          server.kubectlAs(
              "admin", kubectl, mistake.input(), mistake.command().toArray(String[]::new));
      assertThat(said.exit()).as(said.all()).isNotZero();
      assertThat(said.err()).contains(mistake.message());
    }
  }

  @Test
  void strangersAreKeptOut() throws Exception {
    String kubectl = kubectls().getLast();
    assertThat(server.kubectlAs("nobody", kubectl, "", "get", "pods").err())
        .contains("pods is forbidden: User \"nobody\" cannot list resource \"pods\"");
    assertThat(server.kubectlAs("node", kubectl, "", "get", "pods").exit()).isZero();
    assertThat(server.kubectlAs("nobody", kubectl, "", "auth", "can-i", "get", "pods").out())
        .isEqualTo("no\n");
    assertThat(server.kubectlAs("node", kubectl, "", "auth", "whoami").out())
        .contains("system:node:worker-0", "system:nodes");
  }

  @Test
  void aServiceAccountMayDoWhatItsRoleSays() throws Exception {
    String kubectl = kubectls().getLast();
    ok(kubectl, "default", "create", "serviceaccount", "reader");
    String token = ok(kubectl, "default", "create", "token", "reader").strip();
    String[] get = {"--token=" + token, "get", "pods"};
    assertThat(server.kubectlAs("nobody", kubectl, "", get).err())
        .contains("User \"system:serviceaccount:default:reader\" cannot list resource \"pods\"");
    ok(kubectl, "default", "create", "role", "read", "--verb=get,list", "--resource=pods");
    ok(
        kubectl,
        "default",
        "create",
        "rolebinding",
        "read",
        "--role=read",
        "--serviceaccount=default:reader");
    assertThat(server.kubectlAs("nobody", kubectl, "", get).exit()).isZero();
    assertThat(
            server.kubectlAs("nobody", kubectl, "", "--token=" + token, "delete", "pod", "x").err())
        .contains("cannot delete");
    String[] one = {"--token=" + token, "get", "configmaps", "--field-selector=metadata.name=only"};
    assertThat(server.kubectlAs("nobody", kubectl, "", one).err()).contains("cannot list");
    ok(
        kubectl,
        "default",
        "create",
        "role",
        "only",
        "--verb=get,list,watch",
        "--resource=configmaps",
        "--resource-name=only");
    ok(
        kubectl,
        "default",
        "create",
        "rolebinding",
        "only",
        "--role=only",
        "--serviceaccount=default:reader");
    assertThat(server.kubectlAs("nobody", kubectl, "", one).exit()).isZero();
    String[] all = {"--token=" + token, "get", "configmaps"};
    assertThat(server.kubectlAs("nobody", kubectl, "", all).err()).contains("cannot list");
    ok(kubectl, "default", "delete", "serviceaccount", "reader");
    assertThat(server.kubectlAs("nobody", kubectl, "", get).err()).contains("Unauthorized");
  }

  @Test
  void customKindsAreServedAtOnce() throws Exception {
    String kubectl = kubectls().getLast();
    String definition =
        """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: boats.sea.example}
        spec:
          group: sea.example
          scope: Namespaced
          names: {plural: boats, kind: Boat, shortNames: [bo]}
          versions:
          - name: v1
            served: true
            storage: true
            additionalPrinterColumns: [{name: Masts, type: integer, jsonPath: .spec.masts}]
            schema:
              openAPIV3Schema:
                type: object
                properties: {spec: {type: object, properties: {masts: {type: integer}}}}
        """;
    String boat =
        "apiVersion: sea.example/v1\nkind: Boat\nmetadata: {name: ida}\nspec: {masts: %s}\n";
    okWith(kubectl, "default", definition, "apply", "-f", "-");
    ok(kubectl, "default", "wait", "--for=condition=Established", "crd/boats.sea.example");
    okWith(kubectl, "default", boat.formatted("2"), "apply", "-f", "-");
    assertThat(ok(kubectl, "default", "get", "bo")).contains("NAME", "MASTS", "ida");
    Said bad = server.kubectlAs("admin", kubectl, boat.formatted("many"), "apply", "-f", "-");
    assertThat(bad.exit()).isNotZero();
    ok(kubectl, "default", "delete", "boat", "ida");
  }

  @Test
  void whatWasWrittenOutlivesTheServer() throws Exception {
    String kubectl = kubectls().getLast();
    ok(kubectl, "default", "create", "configmap", "kept", "--from-literal=a=b");
    ok(kubectl, "default", "create", "service", "clusterip", "kept", "--tcp=80");
    String address =
        ok(kubectl, "default", "get", "svc", "kept", "-o", "jsonpath={.spec.clusterIP}");
    server.restart();
    assertThat(ok(kubectl, "default", "get", "cm", "kept", "-o", "jsonpath={.data.a}"))
        .isEqualTo("b");
    Said again =
        server.kubectl(
            kubectl,
            "create",
            "service",
            "clusterip",
            "thief",
            "--tcp=80",
            "--clusterip=" + address);
    assertThat(again.err()).contains("provided IP is already allocated");
  }

  @ParameterizedTest
  @MethodSource("kubectls")
  void eachJobSelectsItsOwnPods(String kubectl) throws Exception {
    String in = namespace(kubectl, "jobs-");
    ok(kubectl, in, "create", "job", "one", "--image=busybox");
    String[] ids =
        ok(
                kubectl,
                in,
                "get",
                "job",
                "one",
                "-o",
                "jsonpath={.metadata.uid} {.spec.selector.matchLabels} "
                    + "{.spec.template.metadata.labels.controller-uid} "
                    + "{.spec.template.metadata.labels.job-name}")
            .split(" ");
    assertThat(ids[1]).isEqualTo("{\"batch.kubernetes.io/controller-uid\":\"" + ids[0] + "\"}");
    assertThat(ids).endsWith(ids[0], "one");
  }

  @ParameterizedTest
  @MethodSource("kubectls")
  void aServiceKeepsItsAddress(String kubectl) throws Exception {
    String in = namespace(kubectl, "address-");
    ok(kubectl, in, "create", "service", "clusterip", "web", "--tcp=80");
    String patch = "{\"spec\":{\"clusterIP\":\"10.32.7.7\"}}";
    assertThat(
            server
                .kubectlAs("admin", kubectl, "", "-n", in, "patch", "svc", "web", "-p", patch)
                .err())
        .contains("spec.clusterIPs[0]: Invalid value: \"10.32.7.7\": may not change once set");
  }
}
