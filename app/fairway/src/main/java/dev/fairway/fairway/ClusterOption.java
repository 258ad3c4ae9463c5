// SPDX-License-Identifier: Apache-2.0
package dev.fairway.fairway;

import dev.fairway.provision.ClusterSpec;
import dev.fairway.provision.ClusterSpecFile;
import dev.fairway.provision.ProvisionException;
import picocli.CommandLine.Option;

/// Which cluster a command is about.
final class ClusterOption {
  @Option(
      names = "--name",
      paramLabel = "NAME",
      defaultValue = "lab",
      description = "the cluster's name (default: ${DEFAULT-VALUE})")
  String name = "lab";

  /// The spec of the cluster.
  ///
  /// @throws ProvisionException if there is none of that name
  ClusterSpec spec() {
    return ClusterSpecFile.find(name)
        .orElseThrow(() ->
            new ProvisionException(
                "there is no cluster "
                    + name
                    + " here; ./fairway up --name "
                    + name
                    + " makes one"));
  }
}
