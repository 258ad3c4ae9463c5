// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.podsecurity;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apimachinery.Yaml;
import dev.fairway.apiserver.podsecurity.Policy.Rule;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/// Every check of the standards: what breaks it, what upstream says then, and from which version
/// on.
final class StandardsTest {
  private static final String GOOD =
      "runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]},"
          + " seccompProfile: {type: RuntimeDefault}";

  private static JsonNode pod(String spec) {
    return Yaml.read(("{metadata: {}, spec: {" + spec + "}}").getBytes(StandardCharsets.UTF_8));
  }

  private static String check(String level, int minor, String spec) {
    Level parsed = Level.parse(level);
    assertThat(parsed).isNotNull();
    return Violation.text(Standards.check(new Rule(parsed, minor), pod(spec)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "hostNetwork: true, hostPID: true | 0 | host namespaces (hostNetwork=true, hostPID=true)",
        "volumes: [{name: v, hostPath: {path: /}}] | 0 | hostPath volumes (volume \"v\")",
        "containers: [{name: a, securityContext: {privileged: true}}, {name: b, securityContext:"
            + " {privileged: true}}] | 0 | privileged (containers \"a\", \"b\" must not set"
            + " securityContext.privileged=true)",
        "containers: [{name: a, securityContext: {capabilities: {add: [NET_RAW, CHOWN]}}}] | 0 |"
            + " non-default capabilities (container \"a\" must not include \"NET_RAW\" in"
            + " securityContext.capabilities.add)",
        "containers: [{name: a, ports: [{hostPort: 80}, {hostPort: 443}]}] | 0 | hostPort"
            + " (container \"a\" uses hostPorts 80, 443)",
        "initContainers: [{name: a, livenessProbe: {httpGet: {host: x}}}] | 34 | probe or lifecycle"
            + " host (container \"a\" uses probe or lifecycle host \"x\")",
        "containers: [{name: a, securityContext: {procMount: Unmasked}}] | 0 | procMount (container"
            + " \"a\" must not set securityContext.procMount to \"Unmasked\")",
        "securityContext: {seLinuxOptions: {type: spc_t, user: u}} | 0 | seLinuxOptions (pod set"
            + " forbidden securityContext.seLinuxOptions: type \"spc_t\"; user may not be set)",
        "securityContext: {seccompProfile: {type: Unconfined}}, containers: [{name: a,"
            + " securityContext: {seccompProfile: {type: Unconfined}}}] | 19 | seccompProfile (pod"
            + " and container \"a\" must not set securityContext.seccompProfile.type to"
            + " \"Unconfined\")",
        "securityContext: {sysctls: [{name: kernel.msgmax}, {name: net.ipv4.tcp_syncookies}]} | 0 |"
            + " forbidden sysctls (kernel.msgmax)",
        "securityContext: {windowsOptions: {hostProcess: true}} | 0 | hostProcess (pod must not set"
            + " securityContext.windowsOptions.hostProcess=true)",
        "securityContext: {appArmorProfile: {type: Unconfined}} | 0 | forbidden AppArmor profile"
            + " (pod must not set AppArmor profile type to \"Unconfined\")",
      })
  void baseline(String spec, int from, String text) {
    assertThat(check("baseline", Rule.LATEST, spec)).isEqualTo(text);
    assertThat(check("baseline", from, spec)).isEqualTo(text);
    if (from > 0) {
      assertThat(check("baseline", from - 1, spec)).isEmpty();
    }
    assertThat(check("privileged", Rule.LATEST, spec)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "allowPrivilegeEscalation: false | allowPrivilegeEscalation: true | 8 |"
            + " allowPrivilegeEscalation != false (container \"a\" must set"
            + " securityContext.allowPrivilegeEscalation=false)",
        "drop: [ALL] | drop: [NET_RAW] | 22 | unrestricted capabilities (container \"a\" must set"
            + " securityContext.capabilities.drop=[\"ALL\"])",
        "drop: [ALL] | `drop: [ALL], add: [NET_BIND_SERVICE, CHOWN]` | 22 | unrestricted"
            + " capabilities (container \"a\" must not include \"CHOWN\" in"
            + " securityContext.capabilities.add)",
        "runAsNonRoot: true, | `` | 0 | runAsNonRoot != true (pod or container \"a\" must set"
            + " securityContext.runAsNonRoot=true)",
        "runAsNonRoot: true | runAsNonRoot: false | 0 | runAsNonRoot != true (container \"a\" must"
            + " not set securityContext.runAsNonRoot=false)",
        "runAsNonRoot: true | `runAsNonRoot: true, runAsUser: 0` | 23 | runAsUser=0 (container"
            + " \"a\" must not set runAsUser=0)",
        "RuntimeDefault | Unconfined | 19 | seccompProfile (container \"a\" must not set"
            + " securityContext.seccompProfile.type to \"Unconfined\")",
        "`, seccompProfile: {type: RuntimeDefault}` | `` | 19 | seccompProfile (pod or container"
            + " \"a\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or"
            + " \"Localhost\")",
      })
  void restricted(String good, String bad, int from, String text) {
    String change = GOOD.replace(good, bad == null ? "" : bad);
    String spec = "containers: [{name: a, securityContext: {" + change + "}}]";
    assertThat(check("restricted", Rule.LATEST, spec)).isEqualTo(text);
    assertThat(check("restricted", from, spec)).contains(text);
    if (from > 0) {
      assertThat(check("restricted", from - 1, spec)).doesNotContain(text);
    }
  }

  @Test
  void aGoodPodPassesAndAPlainOneIsToldAllThatIsMissing() {
    String good = "containers: [{name: a, securityContext: {" + GOOD + "}}]";
    assertThat(check("restricted", Rule.LATEST, good)).isEmpty();
    String byPod =
        "securityContext: {runAsNonRoot: true, seccompProfile: {type: Localhost}}, containers:"
            + " [{name: a, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop:"
            + " [ALL], add: [NET_BIND_SERVICE]}}}], volumes: [{name: v, secret: {}}]";
    assertThat(check("restricted", Rule.LATEST, byPod)).isEmpty();
    assertThat(
            check(
                "restricted",
                Rule.LATEST,
                "hostNetwork: true, containers: [{name: nginx}], volumes: [{name: h, hostPath: {}},"
                    + " {name: n, nfs: {}}]"))
        .isEqualTo(
            "host namespaces (hostNetwork=true), allowPrivilegeEscalation != false (container"
                + " \"nginx\" must set securityContext.allowPrivilegeEscalation=false),"
                + " unrestricted capabilities (container \"nginx\" must set"
                + " securityContext.capabilities.drop=[\"ALL\"]), restricted volume types (volumes"
                + " \"h\", \"n\" use restricted volume types \"hostPath\", \"nfs\"), runAsNonRoot"
                + " != true (pod or container \"nginx\" must set"
                + " securityContext.runAsNonRoot=true), seccompProfile (pod or container"
                + " \"nginx\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or"
                + " \"Localhost\")");
  }

  @Test
  void newerVersionsAllowMoreWhereItIsSafe() {
    String sysctl = "securityContext: {sysctls: [{name: net.ipv4.tcp_rmem}]}";
    assertThat(check("baseline", 31, sysctl)).isNotEmpty();
    assertThat(check("baseline", 32, sysctl)).isEmpty();
    String root =
        "hostUsers: false, containers: [{name: a, securityContext: {runAsUser: 0,"
            + " allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, seccompProfile:"
            + " {type: RuntimeDefault}}}]";
    assertThat(check("restricted", Rule.LATEST, root)).isEmpty();
    assertThat(check("restricted", 30, root)).contains("runAsUser=0", "runAsNonRoot != true");
    String windows =
        "os: {name: windows}, securityContext: {runAsNonRoot: true}, containers: [{name: a}]";
    assertThat(check("restricted", 25, windows)).isEmpty();
    assertThat(check("restricted", 24, windows)).contains("allowPrivilegeEscalation");
  }

  @Test
  void labelsAreRead() {
    JsonNode namespace =
        Yaml.read(
            ("{metadata: {labels: {pod-security.kubernetes.io/enforce: baseline,"
                    + " pod-security.kubernetes.io/enforce-version: v1.30,"
                    + " pod-security.kubernetes.io/audit: none,"
                    + " pod-security.kubernetes.io/audit-version: '30'}}}")
                .getBytes(StandardCharsets.UTF_8));
    Policy policy = Policy.of(namespace);
    assertThat(policy.enforce()).hasToString("baseline:v1.30");
    assertThat(policy.warn()).hasToString("baseline:v1.30");
    assertThat(policy.errors())
        .extracting(Object::toString)
        .isEqualTo(
            List.of(
                "metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: \"none\": must"
                    + " be one of privileged, baseline, restricted",
                "metadata.labels[pod-security.kubernetes.io/audit-version]: Invalid value: \"30\":"
                    + " must be \"latest\" or \"v1.x\""));
    assertThat(Policy.of(Trees.object()).allowsAll()).isTrue();
  }
}
