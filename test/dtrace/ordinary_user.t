# What can an ordinary user do, and what is reported where that is not enough?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing same_events restart_dtprobed);
use Usdt::Watch qw(run_usdt);

my $DEVICE = '/dev/dtrace/helper';

# Fires once by pid, under dtrace.
sub seen_by_pid
{
	my ($p, $name) = @_;
	my $d = Usdt::Dtrace->run("$name\$target:::go "
	    . '{ printf("> %d\n", arg0); }', '-p', $p->pid);

	is($p->ask('wait 0 1 100'), 'enabled 1', 'enabled');
	is($p->ask('checked 0 5'), 'fired 1', 'fires');
	same_events([$d->finish(1)], ['5'], 'is seen once');
}

# doctor_says(PROCESS, PATTERN...): a line of `usdt doctor` for each.
sub doctor_says
{
	my ($p, @patterns) = @_;
	my (undef, $out) = run_usdt('doctor', '-p', $p->pid);

	like($out, $_, 'usdt doctor says it') for @patterns;
}

dtrace_case('the device is open to everybody' => sub {
	is(sprintf('%o', (stat $DEVICE)[2] & 07777), '666', 'as udev sets it');
	my $p = process({ env => { USDT_DEBUG => 1 } }, 'open', 'f', 'go',
		'int');
	my $status = $p->status;

	is($status->{'dof.taken'}, 1, 'dtprobed took the DOF');
	is($status->{'dof.path'}, $DEVICE, 'through the device');
	is($status->{'dof.reason'}, '', 'and there is no reason why not');
	is($status->{'sdt.taken'}, 1, 'the image is there too');
	like($p->stderr, qr/dof: taken/, 'USDT_DEBUG prints it');
	doctor_says($p, qr{^ok .*\Q$DEVICE\E accepts probes, and dtprobed runs$}m,
	    qr/^ok .*\bopen: dtprobed knows it: visible to DTrace$/m);
});

dtrace_case('the device is for root alone' => sub {
	chmod(0600, $DEVICE) or die "$DEVICE: $!\n";
	my $p = process({ env => { USDT_DEBUG => 1 } }, 'closed', 'f', 'go',
		'int');
	doctor_says($p, qr/^PROBLEM .*\Q$DEVICE\E has mode 600.* -- /m,
	    qr/^PROBLEM .*\bclosed: dtprobed does not know it: .* -- /m);
	chmod(0666, $DEVICE);
	my $status = $p->status;

	is($status->{enabled}, 1, 'the provider is enabled all the same');
	is($status->{'dof.taken'}, 0, 'without dtprobed');
	like($status->{'dof.reason'}, qr{\Q$DEVICE\E: Permission denied},
	    'status says why');
	like($p->stderr, qr{dof: .*\Q$DEVICE\E: Permission denied},
	    'and so does USDT_DEBUG');
	is(scalar listing('closed*:::'), 0, 'no wildcard finds it');
	seen_by_pid($p, 'closed');
	is($p->ask($_), 'ok', $_) for 'disable', 'enable';
	is($p->status->{'dof.taken'}, 1,
	    'enabled again with the device open, it is registered');
	is(scalar listing('closed*:::'), 1, 'and found');
});

dtrace_case('dtprobed does not run' => sub {
	open(my $in, '<', '/run/dtprobed.pid') or die "dtprobed.pid: $!\n";
	chomp(my $pid = <$in>);
	kill('TERM', $pid);
	Usdt::Dtrace::eventually(sub { !-e $DEVICE }) or die "still there\n";
	my $p = process('absent', 'f', 'go', 'int');
	my $status = $p->status;
	doctor_says($p, qr/^PROBLEM .*dtprobed, .* is not running/m);

	is($status->{enabled}, 1, 'the provider is enabled all the same');
	like($status->{'dof.reason'}, qr{\Q$DEVICE\E: No such file},
	    'status says why');
	seen_by_pid($p, 'absent');
	restart_dtprobed('-t', 60);
	is($p->ask($_), 'ok', $_) for 'disable', 'enable';
	is($p->status->{'dof.taken'}, 1, 'with it, it is registered');
	is(scalar listing('absent*:::'), 1, 'and found');
});

done_testing();
