// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What the command line says to mistakes: one clear line, and nothing half-done.
@Tag("slow")
class CommandLineTest {
  private final Shell shell = new Shell(Map.of());

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "./fairway up --nmae | Unknown option: '--nmae'",
        "./fairway frobnicate | Unmatched argument",
        "./fairway up --workers 0 | --workers 0: a cluster has 1 to 20 workers",
        "./fairway up --workers three | --workers",
        "./fairway up --network carrier-pigeon | --network carrier-pigeon: it is vxlan, routes, bgp or wireguard",
        "./fairway up --name Bad_Name | --name Bad_Name: a cluster's name is 1 to 8 lower-case letters",
        "./fairway status --name absent | there is no cluster absent here; ./fairway up --name absent makes one",
        "./fairway logs --name absent | there is no cluster absent here",
        "FAIRWAY_CLUSTER=absent ./fairway kubectl get nodes | no cluster 'absent' here",
        "./fairway test --fast | unknown option --fast for test",
        "setpriv --reuid=65534 --clear-groups ./fairway up | needs root",
      })
  void saysWhatIsWrong(String command, String message) {
    Shell.Result result = shell.run(command);
    assertThat(result.bad()).contains(message).doesNotContain("Exception").doesNotContain("\tat ");
    assertThat(shell.run("ip netns list").good()).doesNotContain("fairway-absent");
  }
}
