// SPDX-License-Identifier: Apache-2.0
/// The rules of Services in nf_tables, over raw netlink.
///
/// Few maps hold everything, so a packet pays one look-up however many Services there are, and a
/// changed endpoint costs one element:
///
/// ```
/// map services  { address . protocol . port : goto a chain for so many endpoints | refuse | drop }
/// map endpoints { address . protocol . port . index : address . port }
///
/// and for those with affinity
///
/// map clients   { client . address . protocol . port : number of the endpoint }  for a time
/// map numbers   { address . protocol . port . index : number of the endpoint }
/// map kept      { address . protocol . port . number : address . port }
/// ```
///
/// One table a family, called `fairway-services`, one transaction a change.
@NullMarked
package dev.fairway.traffic.nftables;

import org.jspecify.annotations.NullMarked;
