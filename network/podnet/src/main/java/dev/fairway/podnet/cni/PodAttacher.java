// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

/// Who carries out what a [CniRequest] asks. Called on a platform thread.
public interface PodAttacher {
  /// Connects a sandbox. The same call again, for instance after its answer was lost, gives the
  /// same result.
  CniResult add(CniRequest request) throws CniException;

  /// Disconnects a sandbox; what is gone already is no error.
  void delete(CniRequest request) throws CniException;

  /// Looks whether the sandbox is still as ADD left it.
  void check(CniRequest request) throws CniException;

  /// Returns if an ADD would be served.
  void status(NetworkRequest request) throws CniException;

  /// Disconnects every sandbox of the network but those that the request names.
  void collect(NetworkRequest request) throws CniException;
}
