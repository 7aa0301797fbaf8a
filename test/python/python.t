#!/usr/bin/perl
# python.t - does the package for Python do what it promises, and do real
# tracers see its probes?
#
# bindings/python/tests/interface.py needs no tracer; tests/traced.py has the
# programs that are traced.
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use Usdt::BindingCases qw(run_cases run_watched run_program);
use Usdt::Tracer qw(need source_dir);

need('root', 'bpftrace', 'cc', 'python');
alarm 1800;

my $package = source_dir() . '/bindings/python';
my $python = Usdt::Tracer::python();
my $dir = tempdir('usdt-python-XXXXXX', TMPDIR => 1, CLEANUP => 1);

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};
delete @ENV{grep { /^PYTHON|^MAKE|^MFLAGS$/ } keys %ENV};
$ENV{USDT_HELPER} = '/nonexistent/helper';
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{PYTHONPATH} = $package;
$ENV{PYTHONDONTWRITEBYTECODE} = 1;

# runs(NAME, COMMAND...): a test; what it printed, or undef if it failed.
sub runs
{
	my ($name, @command) = @_;
	my $run = Usdt::Tracer::Run->start(@command);

	$run->wait_until(sub { !$run->{out} }, 600);
	my $status = $run->reap;
	ok($status && $status->[0] == 0, $name) or diag($run->report), return;
	return $run;
}

# Lines of TAP, as cases of this test.
sub pass_on
{
	my ($name, @command) = @_;
	my $run = runs($name, @command);

	for ($run ? @{ $run->{lines} } : ()) {
		my ($not, $case) = /^(not )?ok \d+ - (.*)$/ or next;
		ok(!$not, $case);
	}
}

my $built = runs('the library is staged', 'make', '-s', '-C', $package, 'stage')
    && runs('the extension is built', 'sh', '-c', 'cd "$1" && shift && '
	. 'CFLAGS="-Wall -Wextra -Werror" exec "$@"', 'sh', $package, $python,
	qw(setup.py -q build_ext --inplace));
if ($built) {
	my @traced = ($python, "$package/tests/traced.py");
	my $prefix = "py$$";

	pass_on('the interface', $python, "$package/tests/interface.py");
	run_cases(\@traced, $prefix, qw(basic grow added cycles twice fewer
		more json circular collected gone disabled removed));
	run_cases(\@traced, $prefix, qw(ten modules lazy throwing integers
		narrow wrong utf8 floats threads forked));
	run_watched(\@traced, $prefix);
}
done_testing();
